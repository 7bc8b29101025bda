"""Reconciliation at a real account: what nobody explained stops buying, and a word with a reason lets it go on (C14)."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from account import Account, trading
from program import Done, trader

# Some minutes of real processes, one after the other.
pytestmark = pytest.mark.deep


@pytest.fixture
def account(home: Path) -> Iterator[Account]:
    """An account with a position of its own, a coin that is not, and 9,500 USD that are not."""
    with trading(home) as found:
        found.arm()
        assert found.trader("live", "--once").code == 0
        yield found


def shown(done: Done) -> dict[str, dict[str, Any]]:
    return {one["asset"]: one for one in done.json["result"]["assets"]}


def test_a_deposit_is_seen_explained_and_written_off_and_buying_goes_on(account: Account) -> None:
    assert account.trader("ledger", "reconcile").code == 0
    account.server.do("deposit", asset="BTC", amount="0.5")
    account.server.do("deposit", asset="DOGE", amount="7")
    seen = account.trader("ledger", "reconcile", "--explain", "--json")
    assert seen.code == 6
    rows = shown(seen)
    assert Decimal(rows["BTC"]["difference"]) == Decimal("0.5")
    deposit, total = rows["BTC"]["explanations"]
    assert deposit.startswith("a deposit at 20")
    assert "+0.5 BTC" in deposit
    assert total.endswith("that is +0.5 BTC in all: the whole difference")
    assert [(one["kind"], Decimal(one["amount"])) for one in rows["BTC"]["activity"]] == [("deposit", Decimal("0.5"))]
    # What is not traded here is shown and stops nothing.
    assert (rows["DOGE"]["traded"], rows["DOGE"]["explained"]) == (False, True)
    assert account.trader("live", "--once").code == 6
    for words in (["--adopt"], ["--adopt", "--write-off", "--reason", "x"], ["--write-off", "--reason", " "]):
        assert account.trader("ledger", "reconcile", *words).code == 2
    done = account.trader("ledger", "reconcile", "--write-off", "--reason", "a present", "--json")
    assert done.code == 0
    assert done.json["result"]["adjustments"] == [{"asset": "BTC", "amount": "0.5", "kind": "write_off"}]
    assert Decimal(shown(done)["BTC"]["outside"]) == Decimal("1.5")
    assert account.trader("live", "--once").code == 0
    assert trader("ledger", "verify", home=account.home).code == 0


def test_what_is_adopted_is_ours_to_the_last_unit_and_what_was_ours_and_is_gone_can_be_lost(account: Account) -> None:
    before = shown(account.trader("ledger", "reconcile", "--json"))
    account.server.do("deposit", asset="USD", amount="100")
    done = account.trader(
        "ledger", "reconcile", "--adopt", "--reason", "more to trade with", "--asset", "USD", "--json"
    )
    assert done.code == 0
    assert Decimal(shown(done)["USD"]["book"]) == Decimal(before["USD"]["book"]) + 100
    # 9,500 are not ours and go first; 50 more are.
    account.server.do("withdraw", asset="USD", amount="9550")
    done = account.trader("ledger", "reconcile", "--write-off", "--reason", "rent", "--json")
    assert done.code == 0
    row = shown(done)["USD"]
    assert (Decimal(row["outside"]), Decimal(row["book"])) == (0, Decimal(before["USD"]["book"]) + 50)
    assert account.trader("live", "--once").code == 0
    assert trader("ledger", "verify", home=account.home).code == 0
    nothing = account.trader("ledger", "reconcile", "--adopt", "--reason", "again")
    assert (nothing.code, "nothing differs" in nothing.err) == (2, True)


def test_without_a_session_there_is_nothing_to_compare(home: Path) -> None:
    with trading(home) as found:
        done = found.trader("ledger", "reconcile")
        assert done.code == 2
        assert "there is no live session on account" in done.err
        assert "no venue is configured" in found.trader("ledger", "reconcile", "--set", "venue.id=").err
