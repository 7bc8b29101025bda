"""Explained differences: what is adopted becomes ours by entries, what is lost leaves by them, what never was leaves none."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from sessions_book import adjusted, opening_of, record, records_of, session_of

from trader_cli.errors import DataError
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify
from trader_cli.model.session import Adjustment, StepRecord

URL = "sqlite:///trader.db"
RUN = record(12, 24, run_id="live", wallets=2)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(URL, tmp_path)
    opened.open_session(session_of(RUN), opening_of(RUN))
    opened.write_step("live", records_of(RUN, (24,))[0])
    yield opened
    assert verify(opened) == []
    opened.close()


def step_with(ledger: Ledger, *adjustments: Adjustment, cash: int = 0, held: int = 0) -> StepRecord:
    """A step that says this much more cash (1e-8) and this much more of S0 in the first wallet (1e-8)."""
    before = ledger.last_step("live")
    holdings = (before.holdings[0] + held, *before.holdings[1:])
    worth = sum(RUN.instruments[i % 2].value_units(before.marks[i % 2], units) for i, units in enumerate(holdings))
    total = before.cash + cash
    step = replace(before, seq=before.seq + 1, cash=total, holdings=holdings, equity=total + worth)
    return replace(adjusted(before, RUN), step=step, adjustments=adjustments)


def posted(folder: Path) -> list[tuple[str, str, int]]:
    query = (
        "SELECT kind, name, amount FROM entries JOIN transactions t ON txn = t.id JOIN accounts a ON account = a.id"
        " WHERE kind IN ('adopt', 'write_off') ORDER BY txn, line"
    )
    with closing(sqlite3.connect(folder / "trader.db")) as raw:
        return raw.execute(query).fetchall()


@pytest.mark.req("X4")
def test_what_is_adopted_and_lost_is_posted_c14(ledger: Ledger, tmp_path: Path) -> None:
    ledger.write_step("live", adjusted(ledger.last_step("live"), RUN))
    assert posted(tmp_path) == [
        ("adopt", "assets:cash:momentum:USD", 25 * 10**8),
        ("adopt", "equity:adopted:USD", -25 * 10**8),
        ("adopt", "assets:holding:momentum:S0", 150_000_000),
        ("adopt", "equity:adopted:S0", -150_000_000),
        ("write_off", "assets:cash:USD", -50_000_000),
        ("write_off", "equity:written-off:USD", 50_000_000),
        ("write_off", "assets:holding:momentum:S0", -1_000),
        ("write_off", "equity:written-off:S0", 1_000),
    ]


def test_a_write_off_takes_from_us_only_what_the_book_lost(ledger: Ledger, tmp_path: Path) -> None:
    """1 USD is gone, 0.4 of it was ours; what is finer than 1e-8 is left off."""
    lost = Adjustment("USD", "-1.000000009", "write_off", "momentum", "a withdrawal")
    ledger.write_step("live", step_with(ledger, lost, cash=-40_000_000))
    assert posted(tmp_path) == [
        ("write_off", "assets:cash:momentum:USD", -40_000_000),
        ("write_off", "equity:written-off:USD", 40_000_000),
    ]
    assert [one for _, one in ledger.adjustments("live")] == [lost]


def test_more_than_was_written_off_is_refused(ledger: Ledger) -> None:
    lost = Adjustment("USD", "-1", "write_off", "momentum", "a withdrawal")
    with pytest.raises(DataError, match="says cash"):
        ledger.write_step("live", step_with(ledger, lost, cash=-100_000_001))
    with pytest.raises(DataError, match="of `S0/USD`"):
        ledger.write_step("live", step_with(ledger, lost, cash=-100_000_000, held=-1))


@pytest.mark.parametrize(
    ("adjustment", "says"),
    [
        (Adjustment("DOGE", "1", "adopt", "momentum", "staked"), "has no place in its book"),
        (Adjustment("S0", "1", "adopt", "", "bought"), "has no place in its book"),
        (Adjustment("USD", "1", "adopt", "other", "deposit"), "there is no wallet `other`"),
        (Adjustment("USD", "much", "adopt", "momentum", "deposit"), "is no amount of USD"),
        (Adjustment("USD", "NaN", "adopt", "momentum", "deposit"), "is no amount of USD"),
        (Adjustment("USD", "Infinity", "write_off", "momentum", "gone"), "is no amount of USD"),
        (Adjustment("USD", "1", "forget", "momentum", "why"), "is no adjustment"),
        (Adjustment("USD", "1", "adopt", "momentum", "deposit"), "says cash"),
    ],
)
def test_an_adjustment_that_cannot_be_meant_is_refused(ledger: Ledger, adjustment: Adjustment, says: str) -> None:
    with pytest.raises(DataError, match=says):
        ledger.write_step("live", step_with(ledger, adjustment))
    assert ledger.adjustments("live") == []
    assert ledger.last_step("live").seq == 1
