"""A session's account over time is what its steps say, from any moment on, with the one before it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sessions_book import opening_of, record, records_of, session_of

from trader_cli.errors import DataError
from trader_cli.ledger import Ledger
from trader_cli.ledger.points import Point, points_of
from trader_cli.model.session import Step


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open("sqlite:///trader.db", tmp_path)
    yield opened
    opened.close()


def point(step: Step) -> Point:
    return Point(step.seq, step.time_ms, step.bar_ms, step.cash, step.equity)


def test_points_are_the_steps_from_a_moment_on_and_the_one_before(ledger: Ledger) -> None:
    run = record(1, 40, wallets=1, rest=10**9)
    ledger.open_session(session_of(run, "paper", "kraken", "a1"), opening_of(run))
    steps = [opening_of(run)]
    for one in records_of(run, (0, 7, 7, 19, 40)):
        ledger.write_step(run.run_id, one)
        steps.append(one.step)
    whole = [point(one) for one in steps]
    assert points_of(ledger, run.run_id) == whole
    for i, one in enumerate(steps):
        first = max(i - 1, 0)
        assert points_of(ledger, run.run_id, one.time_ms) == whole[first:]
        assert points_of(ledger, run.run_id, one.bar_ms, by_bar=True) == whole[first:]
    assert points_of(ledger, run.run_id, steps[-1].time_ms + 1) == whole[-1:]


def test_there_are_no_points_of_a_session_that_there_is_none_of(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="there is no session `nobody`"):
        points_of(ledger, "nobody")
