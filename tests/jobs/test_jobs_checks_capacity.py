"""capacity: fills against the volume of their bars."""

from __future__ import annotations

import numpy as np
import pytest
from evidence import FREE, Turns, bench_of
from research import bars_of, lab_of

from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.capacity import capacity, volume_shares
from trader_cli.model.bars import Floats
from trader_cli.model.evidence import Status
from trader_cli.strategy import Bars, Levels, Strategy


class Still(Strategy):
    """Never trades."""

    def targets(self, bars: Bars) -> Levels:
        return np.zeros(len(bars))


def bench(volume: Floats, cash: str = "1000") -> Bench:
    """Trades of 10 units at a price of 100: two fills every four bars."""
    bars = bars_of(np.full(len(volume), 100.0), volume=volume)
    return bench_of(lab_of(Turns(), bars, cash=cash, **FREE))


@pytest.mark.req("X3")
def test_small_fills_pass_and_the_size_of_the_account_at_the_limit_is_told() -> None:
    found = capacity(bench(np.full(100, 10_000.0)))
    assert found.status is Status.PASS
    assert (found.number, found.limit) == (0, 5)
    # 10 of 10,000 are 0.1 %: ten times the account is at 1 %.
    assert found.details["account"] == pytest.approx(10_000)
    assert found.details["largest_pct"] == pytest.approx(0.1)
    assert "up to 10,000 USD" in found.message


@pytest.mark.req("X3")
def test_fills_that_the_market_could_not_give_fail() -> None:
    found = capacity(bench(np.full(100, 500.0)))
    assert found.status is Status.FAIL
    assert found.number == 100
    assert found.details["account"] == pytest.approx(500)
    assert "--cash 500" in found.hint


def test_a_twentieth_of_the_fills_may_exceed() -> None:
    # 100 bars have 50 fills, at the bars 1, 3, 5 …; two of 50 are 4 %, three are 6 %.
    volume = np.full(100, 10_000.0)
    volume[[1, 3]] = 10.0
    assert capacity(bench(volume)).status is Status.PASS
    volume[5] = 10.0
    found = capacity(bench(volume))
    assert found.status is Status.FAIL
    assert found.number == pytest.approx(6)


def test_a_fill_in_a_bar_without_volume_exceeds_and_a_series_without_any_is_unknown() -> None:
    volume = np.full(100, 10_000.0)
    volume[1] = 0.0
    one = bench(volume)
    assert np.isinf(volume_shares(one.lab, one.base.fills)[0])
    assert capacity(one).number == pytest.approx(2)
    found = capacity(bench(np.zeros(100)))
    assert found.status is Status.WARN
    assert "state no volume" in found.message


def test_the_account_told_is_the_one_at_which_the_limit_is_kept() -> None:
    rng = np.random.default_rng(4)
    volume = rng.lognormal(6.0, 1.0, 400)
    size = capacity(bench(volume)).details["account"]
    assert capacity(bench(volume, cash=f"{size * 0.999:.4f}")).status is Status.PASS
    assert capacity(bench(volume, cash=f"{size * 1.001:.4f}")).status is Status.FAIL


def test_no_fills_are_no_evidence() -> None:
    found = capacity(bench_of(lab_of(Still(), bars_of(np.full(50, 9.0)))))
    assert (found.status, found.unit) == (Status.FAIL, "fills")
