"""Sessions: a run that goes on step by step, each step all or nothing, and read back as it was written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sessions_book import fill_a_ledger, opening_of, record, records_of, session_of

from trader_cli.errors import DataError, LeaseError
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify

URL = "sqlite:///trader.db"
CUTS = (0, 7, 7, 19, 40)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(URL, tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize("wallets", [1, 3])
def test_a_session_is_read_back_as_it_was_written(ledger: Ledger, wallets: int) -> None:
    run = record(1, 40, wallets=wallets, rest=10**9)
    session = session_of(run, "paper", "kraken", "a1")
    ledger.open_session(session, opening_of(run))
    steps = [opening_of(run)]
    for one in records_of(run, CUTS):
        ledger.write_step(run.run_id, one)
        steps.append(one.step)
    assert ledger.session("paper", "kraken", "a1") == session
    assert ledger.sessions() == [session]
    assert ledger.last_step(run.run_id) == steps[-1]
    assert ledger.steps(run.run_id, 3) == steps[:-4:-1]
    fills = ledger.session_fills(run.run_id)
    assert fills.digest() == run.fills.digest() == steps[-1].digest
    for name in ("notional", "kind", "reason", "wallet"):
        assert np.array_equal(getattr(fills, name), getattr(run.fills, name))
    assert len(ledger.rows("trades", run.run_id)) == len(run.round_trips)
    summary = ledger.run(run.run_id)
    assert (summary.cash_end, summary.equity_end, summary.digest) == (run.cash_end, run.equity_end, run.digest)
    assert summary.stats["fees_paid"] == int(run.fills.fee.sum()) / 10**8
    assert summary.stats["trades"] == len(run.round_trips)
    assert ledger.runs() == [summary]
    assert verify(ledger) == []


@pytest.mark.req("X4")
def test_everything_sessions_leave_adds_up(ledger: Ledger) -> None:
    fill_a_ledger(ledger)
    assert verify(ledger) == []
    told = ledger.adjustments("live")
    assert [one.asset for _, one in told] == ["USD", "S0", "USD", "S0", "DOGE"]
    assert {when for when, _ in told} == {ledger.last_step("live").time_ms}


def test_of_two_writers_of_one_step_the_second_is_told_that_another_run_acted(ledger: Ledger) -> None:
    run = record(1, 40)
    ledger.open_session(session_of(run), opening_of(run))
    first, second, *_ = records_of(run, CUTS)
    ledger.write_step(run.run_id, first)
    with pytest.raises(LeaseError, match="another run acted"):
        ledger.write_step(run.run_id, first)
    ledger.write_step(run.run_id, second)
    assert ledger.last_step(run.run_id) == second.step


def test_a_step_whose_numbers_do_not_follow_is_refused_whole(ledger: Ledger) -> None:
    run = record(1, 40)
    ledger.open_session(session_of(run), opening_of(run))
    one = records_of(run, (7,))[0]
    for wrong in (
        replace(one.step, cash=one.step.cash + 1),
        replace(one.step, holdings=(one.step.holdings[0] + 1, *one.step.holdings[1:])),
        replace(one.step, equity=one.step.equity - 1),
        replace(one.step, fill_count=8),
        replace(one.step, trade_count=one.step.trade_count + 1),
    ):
        with pytest.raises(DataError):
            ledger.write_step(run.run_id, replace(one, step=wrong))
    assert ledger.last_step(run.run_id).seq == 0
    assert len(ledger.session_fills(run.run_id)) == 0
    ledger.write_step(run.run_id, one)
