"""out_of_sample: bars that no search saw, against those before, by numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evidence import UNTRIED, Turns, free_bench, paying
from research import FIRST_MS, walk

from trader_cli.jobs.checks.out_of_sample import out_of_sample, shortfall
from trader_cli.model.evidence import Status, Tried
from trader_cli.model.timeframe import DAY_MS
from trader_cli.stats.overfitting import Moments, moments

# Held days earn 2 % and lose 1 % in turn; every second day is flat: mean 0.25 %, deviation 1.09 % a day, Sharpe 4.4 a year.
GOOD = (0.02, -0.01)
WEAK = (0.0105, -0.0100)
BETTER = (0.03, -0.005)
BAD = (0.01, -0.02)


@pytest.mark.req("R4.7")
def test_the_same_results_on_unseen_bars_pass() -> None:
    found = out_of_sample(free_bench(paying((400, GOOD))))
    assert found.status is Status.PASS
    assert found.number == pytest.approx(100, abs=3)
    assert found.limit == 80
    assert (found.details["days_before"], found.details["days"]) == (280, 120)
    assert found.details["sharpe"] == pytest.approx(
        0.0025 / math.sqrt(np.var([0.02, -0.01, 0, 0])) * math.sqrt(365.25), rel=0.02
    )
    assert "on the 120 days from 2017-10-08 that were held out" in found.message


@pytest.mark.req("R4.7")
def test_a_result_far_above_the_backtest_is_unlike_it() -> None:
    found = out_of_sample(free_bench(paying((280, GOOD), (120, BETTER))))
    assert found.status is Status.WARN
    assert found.number is not None
    assert found.number > 120
    assert "unlike the backtest" in found.message


@pytest.mark.req("R4.7")
def test_a_loss_on_unseen_bars_fails() -> None:
    found = out_of_sample(free_bench(paying((280, GOOD), (120, BAD))))
    assert found.status is Status.FAIL
    assert "it lost money there" in found.message
    assert found.details["return_pct"] < 0


def test_a_small_profit_far_below_the_backtest_fails_where_chance_does_not_explain_it() -> None:
    found = out_of_sample(free_bench(paying((2800, GOOD), (1200, WEAK))))
    assert found.status is Status.FAIL
    assert found.details["return_pct"] > 0
    assert found.details["chance"] < 0.05
    assert "by chance alone" in found.message


def test_the_same_gap_on_fewer_days_is_a_warning() -> None:
    found = out_of_sample(free_bench(paying((140, GOOD), (60, WEAK))))
    assert found.status is Status.WARN
    assert found.details["chance"] > 0.05
    assert "of honest ones of as many days have too" in found.message


def test_what_lost_before_has_nothing_that_could_last() -> None:
    found = out_of_sample(free_bench(paying((280, BAD), (120, GOOD))))
    assert found.status is Status.FAIL
    assert "no profit that could last" in found.message


def test_too_few_days_or_trades_are_no_evidence() -> None:
    few = out_of_sample(free_bench(paying((150, GOOD))))
    assert (few.status, few.number, few.limit, few.unit) == (Status.FAIL, 45, 60, "days")
    # 120 of 400 days must hold 30 % of 400 trades; a trade every four days makes 30.
    rare = out_of_sample(free_bench(paying((400, GOOD)), min_trades=400))
    assert (rare.status, rare.number, rare.limit, rare.unit) == (Status.FAIL, 30, 120, "trades")


@pytest.mark.req("X3")
def test_only_bars_after_the_last_search_are_out_of_sample() -> None:
    bars = paying((300, GOOD), (100, BAD))
    seen = FIRST_MS + 300 * DAY_MS
    found = out_of_sample(free_bench(bars, tried=Tried(50, (), seen, {})))
    assert found.status is Status.FAIL
    assert found.details["days"] == 100
    assert found.details["searched"] is True
    assert "that no search saw" in found.message


@pytest.mark.req("X3")
def test_a_search_that_saw_every_bar_leaves_nothing_to_judge_by() -> None:
    bars = paying((400, GOOD))
    found = out_of_sample(free_bench(bars, tried=Tried(50, (), FIRST_MS + 400 * DAY_MS, {})))
    assert found.status is Status.FAIL
    assert "a search saw every bar" in found.message
    assert "--holdout-pct 20" in found.hint
    assert "trader data fetch" in found.hint


def test_a_search_that_saw_none_of_these_bars_changes_nothing() -> None:
    bars = paying((400, GOOD))
    elsewhere = out_of_sample(free_bench(bars, tried=Tried(50, (), FIRST_MS - DAY_MS, {})))
    assert elsewhere == out_of_sample(free_bench(bars, tried=UNTRIED))


def test_the_chance_of_a_gap_is_that_of_two_normal_errors() -> None:
    # Normal returns: variance (1 + S**2 / 2) / (n - 1) each; 0.1 and 0.3 with 101 returns, all of it asked for:
    # z = -0.2 / sqrt(0.01005 + 0.01045) = -1.3969, of which the normal law leaves 0.0812 below.
    before, after = Moments(0.3, 0.0, 3.0, 101), Moments(0.1, 0.0, 3.0, 101)
    assert shortfall(before, after, 1.0) == pytest.approx(0.08122, abs=1e-4)
    # 80 % of it: z = -0.14 / sqrt(0.01005 + 0.64 * 0.01045) = -1.0821.
    assert shortfall(before, after, 0.8) == pytest.approx(0.1396, abs=1e-4)
    assert shortfall(before, before, 1.0) == 0.5
    assert math.isnan(shortfall(before, Moments(math.nan, math.nan, math.nan, 0), 1.0))


def test_honest_records_are_failed_as_often_as_stated_and_fitted_ones_nearly_always() -> None:
    rng = np.random.default_rng(7)
    honest = fitted = lost = 0
    for _ in range(400):
        before, after = moments(rng.normal(0.1, 1.0, 1000)), moments(rng.normal(0.1, 1.0, 400))
        honest += shortfall(before, after, 1.0) < 0.05
        # A ratio of 4.8 a year that is nothing but fitted: a loss half of the time, and else too far below.
        after = moments(rng.normal(0.0, 1.0, 400))
        lost += after.sharpe <= 0
        fitted += after.sharpe <= 0 or shortfall(Moments(0.25, 0.0, 3.0, 1000), after, 0.8) < 0.05
    assert 0.02 < honest / 400 < 0.08
    assert 0.45 < lost / 400 < 0.55
    assert fitted / 400 > 0.95


def test_a_run_that_never_trades_is_no_evidence() -> None:
    found = out_of_sample(free_bench(walk(400, 1), strategy=Turns(length=50), min_trades=30))
    assert found.status is Status.FAIL
    assert found.unit == "trades"
