"""The check of overfitting: what was tried is counted, what luck alone would give is said, and nothing is free."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.research import bars_of, lab_of, walk
from trader_cli.config.layers import load_settings
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.overfitting import overfitting
from trader_cli.jobs.lab import Variant
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Status, Tried
from trader_cli.stats.overfitting import moments, probabilistic_sharpe
from trader_cli.strategy import Levels, Param, Strategy, indicators

LIMITS = load_settings("plain", Path("/nonexistent"), {}, {}).settings.model_dump()["validate"]


class Averages(Strategy):
    """Hold while the fast average is above the slow one."""

    fast = Param(10, low=2, high=50)
    slow = Param(40, low=5, high=200)

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)


class Never(Strategy):
    """Hold nothing."""

    def targets(self, bars: Bars) -> Levels:
        return np.zeros(len(bars))


SPACE = [{"fast": fast, "slow": slow} for fast in (5, 10, 20) for slow in (30, 60, 90, 120)]


def bench(
    count: int,
    params: Sequence[Mapping[str, Any]] = (),
    bars: Bars | None = None,
    strategy: Strategy | None = None,
    **limits: Any,
) -> Bench:
    lab = lab_of(strategy or Averages(), bars or walk(500, 3, drift=0.001))
    return Bench(lab, lab.run(), Tried(count, params, None, {}), {**LIMITS, **limits}, 1)


@pytest.mark.parametrize("count", [0, 1])
def test_where_nothing_else_was_tried_nothing_is_deducted_and_it_is_said(count: int) -> None:
    one = bench(count)
    found = overfitting(one)
    assert found.number == probabilistic_sharpe(moments(one.base.daily))
    assert found.details["lucky_sharpe"] == 0.0
    assert "nothing else was ever tried" in found.message


@pytest.mark.req("X3")
def test_every_try_that_was_counted_makes_it_less_likely() -> None:
    each = [overfitting(bench(count, SPACE)).number for count in (12, 100, 1000, 100_000)]
    assert all(number is not None for number in each)
    assert sorted(each, key=float, reverse=True) == each  # type: ignore[arg-type]
    assert len(set(each)) == len(each)


@pytest.mark.req("X3")
def test_the_best_of_a_thousand_on_a_random_walk_is_refused_with_the_sharpe_ratio_of_luck() -> None:
    bars = walk(1000, 5)
    lab = lab_of(Averages(), bars)
    best = max(SPACE, key=lambda params: lab.run(Variant(params)).stats["sharpe"])
    found = overfitting(bench(1000, SPACE, bars, Averages(**best)))
    assert found.status is Status.FAIL
    assert found.unit == "probability"
    assert found.number is not None
    assert found.number < 0.95 == found.limit
    assert f"the best of 1,000 tries would reach a Sharpe ratio of {found.details['lucky_sharpe']:.2f}" in found.message
    assert found.hint


def test_the_effective_number_stands_beside_the_counted_one_and_is_never_above_it() -> None:
    found = overfitting(bench(1000, SPACE))
    assert 1 <= found.details["effective_trials"] < found.details["trials"] == 1000
    assert found.details["deflated_sharpe_effective"] > found.details["deflated_sharpe"] == found.number


def test_sets_that_the_strategy_no_longer_takes_are_counted_and_not_replayed() -> None:
    gone = [{"window": 3}, {"fast": 1}, {"fast": 7, "slow": 33}]
    found = overfitting(bench(40, gone))
    assert (found.details["replayed_trials"], found.details["trials"]) == (2, 40)
    assert "pbo_pct" not in found.details


def test_its_own_set_is_one_trial_however_often_it_was_tried() -> None:
    found = overfitting(bench(3, [{"fast": 10, "slow": 40}, {"fast": 10}, {"slow": 40}]))
    assert found.details["replayed_trials"] == 1


def test_more_sets_were_replayed_than_counted_means_more_were_tried() -> None:
    assert overfitting(bench(0, SPACE)).details["trials"] == len(SPACE) + 1


def test_no_more_sets_are_replayed_than_asked_for() -> None:
    assert overfitting(bench(100, SPACE, sampled_trials=5)).details["replayed_trials"] == 6


def test_luck_is_never_counted_as_more_than_what_a_sharpe_ratio_of_zero_varies_by() -> None:
    """A search over rules that lose by costs and rules that do not differs by more than luck could."""
    market = np.repeat([1.01, 0.992], 15)
    closes = np.cumprod(np.tile(market, 20)) * walk(600, 2, volatility=0.001).close
    one = bench(1000, SPACE, bars_of(closes))
    found = overfitting(one)
    assert found.details["lucky_sharpe"] < found.details["lucky_sharpe_all_variance"]
    chance = np.sqrt(one.base.periods / (found.details["days"] - 1)) * 3.2551
    assert found.details["lucky_sharpe"] == pytest.approx(chance, rel=1e-4)


def test_an_overfit_choice_is_refused_even_where_its_sharpe_ratio_stands() -> None:
    rising = walk(800, 4, drift=0.004)
    found = overfitting(bench(13, SPACE, rising, max_pbo_pct="0", confidence_pct="51"))
    assert found.details["pbo_pct"] > 0
    assert found.status is Status.FAIL
    assert (found.unit, found.limit, found.number) == ("%", 0.0, found.details["pbo_pct"])
    assert "12,870 splits" in found.message


def test_a_strong_edge_after_few_tries_passes_and_says_how_its_choice_fared() -> None:
    found = overfitting(bench(13, SPACE, walk(800, 4, drift=0.004)))
    assert found.status is Status.PASS
    assert "overfit in" in found.message
    assert found.details["days_needed_after_trials"] < found.details["days"]
    assert found.hint == ""


@pytest.mark.parametrize(("strategy", "bars", "days"), [(Averages(fast=2, slow=5), 31, 31), (Never(), 300, 0)])
def test_too_few_days_are_no_evidence(strategy: Strategy, bars: int, days: int) -> None:
    found = overfitting(bench(1, bars=walk(bars, 3, drift=0.02), strategy=strategy))
    assert (found.status, found.number, found.unit, found.limit) == (Status.FAIL, days, "days", 32)
