"""The settings of a recorded run as a configuration: what it states counts, what it did not know is as it is now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trader_cli.config.layers import Loaded, load_settings
from trader_cli.config.recorded import recorded
from trader_cli.errors import DataError


def now(**flags: Any) -> Loaded:
    return load_settings("plain", Path("/nowhere"), {}, {key.replace("__", "."): value for key, value in flags.items()})


def test_what_a_run_states_counts_and_what_it_did_not_know_is_as_it_is_now() -> None:
    config = {
        "costs": {"fee_bps": "33"},
        "params": {"momentum": {"fast": 5}},
        "gone": {"key": 1},
        "risk": {"old_key": 1},
    }
    found = recorded(now(costs__slippage_bps="7"), "run-1", "paper-500", config)
    assert found.preset == "paper-500"
    assert str(found.settings.costs.fee_bps) == "33"
    assert str(found.settings.costs.slippage_bps) == "7"
    assert found.settings.params == {"momentum": {"fast": 5}}


def test_a_run_s_own_settings_come_back_as_they_were() -> None:
    then = load_settings("solana-wallets", Path("/nowhere"), {}, {"costs.fee_bps": "12.5"})
    found = recorded(now(), "run-1", "solana-wallets", then.settings.model_dump(mode="json"))
    assert found.settings == then.settings


def test_settings_that_cannot_be_meant_any_more_are_refused_with_their_key() -> None:
    with pytest.raises(DataError, match="the settings of the run `run-1` cannot be used any more: `costs.fee_bps`"):
        recorded(now(), "run-1", "plain", {"costs": {"fee_bps": "-5"}})
