"""What the database sums up for monitoring."""

from __future__ import annotations

from pathlib import Path

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
