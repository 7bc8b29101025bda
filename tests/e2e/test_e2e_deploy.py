"""Deploying and retiring: what runs is stated once, checked when it is stated, and known to every later process."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from account import HOLD
from program import trader


def rows(home: Path) -> dict[str, Any]:
    listed = trader("strategy", "list", "--json", home=home).json["result"]["strategies"]
    return {one["name"]: one["deployed"] for one in listed}


@pytest.mark.req("R4.8")
@pytest.mark.req("R4.12")
def test_a_strategy_is_deployed_until_it_is_retired_and_its_time_on_paper_is_told(home: Path) -> None:
    assert set(rows(home).values()) == {None}
    assert not (home / "trader.db").exists()
    done = trader("strategy", "deploy", "demo_ma", "--param", "fast=5", "--json", home=home)
    assert done.code == 0
    assert done.json["result"]["wallets"] == ["main"]
    assert done.json["result"]["all_params"]["fast"] == 5
    deployed = rows(home)["demo_ma"]
    assert (deployed["params"], deployed["paper_trades"], deployed["changed"]) == ({"fast": "5"}, 0, False)
    assert 0 <= deployed["days"] < 1
    again = trader("strategy", "deploy", "demo_ma", "--param", "fast=7", home=home)
    assert "it was deployed already: `fast` was 5 and is 7" in again.out
    assert "0 days, 0 paper trades" in trader("strategy", "list", home=home).out
    assert trader("strategy", "retire", "demo_ma", home=home).code == 0
    assert rows(home)["demo_ma"] is None
    gone = trader("strategy", "retire", "demo_ma", home=home)
    assert gone.code == 3
    assert gone.err.startswith("error: `demo_ma` is not deployed\n\nhint: none is deployed")
    assert trader("ledger", "verify", home=home).code == 0


@pytest.mark.req("R3.8")
@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["momentun"], 3, "did you mean `momentum`?"),
        (["demo_ma", "--param", "short_window=5"], 2, "did you mean `fast`?"),
        (["demo_ma", "--param", "fast=0"], 2, "`fast` is 0"),
        (["demo_ma", "--wallet", "grid"], 2, "the configuration has no wallet `grid`"),
        (["demo_ma", "--preset", "solana-wallets"], 2, "no wallet of the configuration names `demo_ma`"),
    ],
)
def test_what_cannot_run_is_not_deployed(home: Path, words: list[str], code: int, says: str) -> None:
    done = trader("strategy", "deploy", *words, home=home)
    assert done.code == code
    assert says in done.err
    assert not (home / "trader.db").exists()


def test_a_wallet_of_the_configuration_takes_what_it_names_and_what_is_put_there(home: Path) -> None:
    for words, wallets in ((["grid"], ["grid"]), (["demo_ma", "--wallet", "mean-reversion"], ["mean-reversion"])):
        done = trader("strategy", "deploy", *words, "--preset", "solana-wallets", "--json", home=home)
        assert done.json["result"]["wallets"] == wallets


@pytest.mark.deep
def test_a_deployed_strategy_whose_file_changed_is_said_to_have_until_it_is_deployed_again(home: Path) -> None:
    (home / "strategies").mkdir()
    file = home / "strategies" / "hold.py"
    file.write_text(HOLD)
    assert trader("strategy", "deploy", "hold", home=home).code == 0
    file.write_text(HOLD + "# another thought\n")
    assert rows(home)["hold"]["changed"] is True
    assert "note: `hold` or the program changed since it was deployed" in trader("strategy", "list", home=home).out
    assert "its code or the program changed" in trader("strategy", "deploy", "hold", home=home).out
    assert rows(home)["hold"]["changed"] is False
    file.unlink()
    assert "its file is gone" in trader("strategy", "list", home=home).out
    assert trader("doctor", home=home).code == 3
