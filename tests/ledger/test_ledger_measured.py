"""What the database sums up for monitoring."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from sessions_book import fill_a_ledger

from trader_cli.errors import DataError
from trader_cli.ledger import Ledger
from trader_cli.model.session import CycleRecord


def cycle(outcome: str, code: int, **figures: object) -> CycleRecord:
    return CycleRecord("", 1000, 2000, outcome, code, "", figures)


def test_failures_count_by_code_and_by_the_name_of_the_venues_answer(tmp_path: Path) -> None:
    ledger = Ledger.open("sqlite:///trader.db", tmp_path)
    try:
        assert ledger.failures() == {}
        for one in (
            cycle("acted", 0),
            cycle("data", 4, mode="live"),
            cycle("venue", 5, mode="live", pattern="rate_limit"),
            cycle("venue", 5, mode="paper", pattern="rate_limit"),
            cycle("venue", 5, mode="live", pattern="maintenance"),
            cycle("venue", 5, mode="live"),
            # It went to its end and left a question open.
            cycle("acted", 7, equity=1.0),
        ):
            ledger.record_cycle(one)
        assert ledger.failures() == {
            "data": 1,
            "unresolved": 1,
            "venue": 1,
            "venue:maintenance": 1,
            "venue:rate_limit": 2,
        }
    finally:
        ledger.close()


def test_sums_of_a_session_are_those_of_its_orders_and_steps_one_by_one(tmp_path: Path) -> None:
    ledger = Ledger.open("sqlite:///trader.db", tmp_path)
    try:
        fill_a_ledger(ledger)
        counted = 0
        for session in ledger.sessions():
            ends = ledger.order_ends(session.run_id)
            orders = ledger.orders(session.run_id)
            refused = [one.events[-1].message for one in orders if one.state == "rejected"]
            states: Counter[str] = Counter()
            for state, _, count in ends:
                states[state] += count
            assert states == Counter(str(one.state) for one in orders)
            assert Counter({said: count for state, said, count in ends if state == "rejected"}) == Counter(refused)
            assert ledger.peak_equity(session.run_id) == max(one.equity for one in ledger.steps(session.run_id, 10**6))
            counted += len(orders)
        assert counted > 0
        with pytest.raises(DataError, match="no session"):
            ledger.order_ends("nobody")
        with pytest.raises(DataError, match="no session"):
            ledger.peak_equity("nobody")
    finally:
        ledger.close()
