"""What somebody does to the account by hand is named, and which difference it explains (C14)."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from .rig import BOTH, QUOTES, Rig

Open = Callable[..., Rig]


def explained(rig: Rig, *words: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run `ledger reconcile --explain`; return its exit code and what it says by asset."""
    code, said = rig.cli("ledger", "reconcile", "--explain", *words, "--json")
    # The error's sentences come after the one line of JSON.
    rows = json.loads(said.splitlines()[0])["result"]["assets"]
    return code, {row["asset"]: row for row in rows}


@pytest.mark.parametrize("venue", BOTH)
def test_c14_a_trade_by_hand_explains_both_differences_it_made(venue: str, open_rig: Open) -> None:
    rig = open_rig(venue)
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.pass_ms(60_000)
    rig.do("order", symbol=rig.btc, side="buy", quantity="0.01")
    rig.bar()
    assert rig.cycle().code == 6
    code, found = explained(rig)
    assert code == 6
    for asset in ("BTC", QUOTES[venue]):
        row = found[asset]
        assert Decimal(row["accounted"]) == Decimal(row["difference"]) != 0, row
        (activity,) = row["activity"]
        assert activity["kind"] == "trade"
        assert any("a trade by hand" in text and f"bought 0.01 {rig.btc}" in text for text in row["explanations"])
        assert any("the whole difference" in text for text in row["explanations"])


def test_c14_deposits_and_withdrawals_are_named_with_time_and_amount_and_added_up(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.pass_ms(60_000)
    rig.do("deposit", asset="USD", amount="1000")
    rig.pass_ms(60_000)
    rig.do("withdraw", asset="USD", amount="250")
    rig.bar()
    assert rig.cycle().code == 6
    code, found = explained(rig)
    assert code == 6
    row = found["USD"]
    assert [(one["kind"], one["amount"]) for one in row["activity"]] == [
        ("deposit", "1000.0000"),
        ("withdrawal", "-250.0000"),
    ]
    assert Decimal(row["accounted"]) == 750
    assert any("a deposit at 2026-" in text and "+1000 USD" in text for text in row["explanations"])
    assert any("a withdrawal at 2026-" in text and "-250 USD" in text for text in row["explanations"])
    assert found["BTC"]["activity"] == []


def test_c14_what_was_settled_is_not_counted_again(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.pass_ms(60_000)
    rig.do("deposit", asset="USD", amount="1000")
    rig.pass_ms(60_000)
    code, _ = rig.cli("ledger", "reconcile", "--write-off", "--reason", "savings")
    assert code == 0
    rig.pass_ms(60_000)
    rig.do("deposit", asset="USD", amount="30")
    code, found = explained(rig)
    assert [one["amount"] for one in found["USD"]["activity"]] == ["30.0000"]
    assert any("the whole difference" in text for text in found["USD"]["explanations"])


def test_c14_binance_says_that_it_does_not_tell_of_deposits(open_rig: Open) -> None:
    rig = open_rig("binance")
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("deposit", asset="USDT", amount="1000")
    _, found = explained(rig)
    assert found["USDT"]["activity"] == []
    assert any("does not tell of deposits" in text for text in found["USDT"]["explanations"])


def test_a_venue_that_does_not_answer_about_activity_leaves_the_rest_explained(open_rig: Open) -> None:
    rig = open_rig()
    rig.want(rig.btc, 1)
    assert rig.cycle().code == 0
    rig.do("deposit", asset="USD", amount="1000")
    rig.fault("Ledgers", kind="html", times=0)
    code, found = explained(rig)
    assert code == 6
    assert any("cannot be asked" in text for text in found["USD"]["explanations"])
