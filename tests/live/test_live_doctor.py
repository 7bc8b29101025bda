"""The doctor proves that the key may trade, without trading."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from .rig import BOTH, Rig

Open = Callable[..., Rig]


def trading(rig: Rig) -> tuple[int, list[dict[str, Any]]]:
    code, said = rig.cli("doctor", "--json")
    checks = json.loads(said.splitlines()[0])["result"]["checks"]
    return code, [one for one in checks if one["area"] == "trading"]


@pytest.mark.req("R0.7")
@pytest.mark.parametrize("venue", BOTH)
def test_the_key_may_trade_every_market_and_nothing_is_placed(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, symbols=("BTC", "ETH"))
    _, found = trading(rig)
    assert [(one["number"], one["status"]) for one in found] == [(rig.btc, "ok"), (rig.eth, "ok")]
    assert all("would take an order to buy" in one["message"] for one in found)
    assert (rig.at_venue, rig.sent()) == ([], [])


@pytest.mark.req("R0.7")
@pytest.mark.parametrize("venue", BOTH)
def test_b8_a_key_without_the_permission_to_trade_is_found(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.do("key", permissions=["query"])
    code, (found,) = trading(rig)
    assert (code, found["status"], found["exit_code"]) == (5, "fail", 5)
    assert any("permission to trade" in one for one in found["cures"])


@pytest.mark.parametrize("venue", BOTH)
def test_an_account_without_money_may_trade_and_is_told_so(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue, balances={"ETH": 1})
    _, (found,) = trading(rig)
    assert found["status"] == "warn"
    assert "cannot pay" in found["message"]
