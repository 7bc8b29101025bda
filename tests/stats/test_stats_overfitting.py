"""Overfitting statistics: the worked examples of their papers, examples by hand, a slow second writing, and laws."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.errors import DataError
from trader_cli.model.bars import Floats
from trader_cli.stats.overfitting import (
    Moments,
    backtest_overfitting,
    deflated_sharpe,
    effective_trials,
    expected_maximum,
    lucky_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    sharpe_ratios,
)


def noise(rows: int, trials: int, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).normal(0.0, 0.01, (rows, trials))


@pytest.mark.req("X3")
def test_the_2012_papers_fund_is_surely_skilled_only_if_its_returns_were_normal() -> None:
    """24 months, Sharpe 1.585 a year, skewness -2.448, kurtosis 10.164: 0.913 where a normal law would say 0.982."""
    ratio = 1.585 / math.sqrt(12)
    assert probabilistic_sharpe(Moments(ratio, -2.448, 10.164, 24)) == pytest.approx(0.913, abs=0.0005)
    assert probabilistic_sharpe(Moments(ratio, 0.0, 3.0, 24)) == pytest.approx(0.982, abs=0.0005)


@pytest.mark.parametrize(("periods", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_2012_papers_track_records_for_sharpe_2_against_1(periods: int, years: float) -> None:
    record = Moments(2 / math.sqrt(periods), 0.0, 3.0, 0)
    assert minimum_track_record(record, 1 / math.sqrt(periods)) / periods == pytest.approx(years, abs=0.005)


def test_the_2012_papers_track_record_of_skewed_months_is_almost_five_years() -> None:
    record = Moments(2 / math.sqrt(12), -0.72, 5.78, 0)
    assert minimum_track_record(record, 1 / math.sqrt(12)) / 12 == pytest.approx(4.99, abs=0.005)


@pytest.mark.req("X3")
def test_the_2014_papers_strategy_of_sharpe_2_5_is_not_enough_after_100_trials() -> None:
    """1,250 days, skewness -3, kurtosis 10, variance 1/2 a year: luck alone 0.1132 a day, deflated 0.9004."""
    record = Moments(2.5 / math.sqrt(250), -3.0, 10.0, 1250)
    assert lucky_sharpe(0.5 / 250, 100) == pytest.approx(0.1132, abs=0.00005)
    assert deflated_sharpe(record, 0.5 / 250, 100) == pytest.approx(0.9004, abs=0.00005)


def test_the_2014_papers_strategy_is_enough_after_46_trials_or_88_if_it_were_normal() -> None:
    record = Moments(2.5 / math.sqrt(250), -3.0, 10.0, 1250)
    assert deflated_sharpe(record, 0.5 / 250, 46) == pytest.approx(0.9505, abs=0.0001)
    assert deflated_sharpe(Moments(record.sharpe, 0.0, 3.0, 1250), 0.5 / 250, 88) == pytest.approx(0.9505, abs=0.0001)


def test_the_best_of_ten_by_luck_lies_where_the_2014_paper_says() -> None:
    """Its first exhibit: about 1.57 deviations for ten trials; simulated 1.54, and 3.24 for a thousand."""
    assert expected_maximum(10) == pytest.approx(1.57, abs=0.005)
    assert expected_maximum(1) == 0.0
    drawn = np.random.default_rng(5).normal(size=(4000, 1000)).max(axis=1).mean()
    assert expected_maximum(1000) == pytest.approx(drawn, rel=0.01)


def test_moments_are_those_of_scipy() -> None:
    returns = np.random.default_rng(2).standard_t(5, 400) * 0.01 + 0.001
    record = moments(returns)
    assert record.sharpe == pytest.approx(returns.mean() / returns.std(ddof=1))
    assert record.skewness == pytest.approx(scipy.stats.skew(returns))
    assert record.kurtosis == pytest.approx(scipy.stats.kurtosis(returns, fisher=False))


@pytest.mark.parametrize("returns", [[], [0.01], [0.01, 0.01, 0.01]])
def test_returns_that_do_not_differ_have_no_probability(returns: list[float]) -> None:
    record = moments(np.array(returns))
    assert math.isnan(probabilistic_sharpe(record))
    assert math.isnan(deflated_sharpe(record, 0.01, 10))
    assert math.isnan(minimum_track_record(record))


def test_no_record_is_long_enough_for_a_sharpe_ratio_that_is_not_there() -> None:
    assert minimum_track_record(Moments(0.05, 0.0, 3.0, 100), benchmark=0.05) == math.inf


def test_the_probability_at_the_minimum_track_record_is_the_confidence() -> None:
    record = Moments(0.1, -0.5, 6.0, 10)
    enough = minimum_track_record(record, 0.02, 0.9)
    whole = Moments(0.1, -0.5, 6.0, math.ceil(enough))
    assert probabilistic_sharpe(whole, 0.02) == pytest.approx(0.9, abs=0.001)


@given(st.floats(-0.3, 0.3), st.floats(-2, 2), st.floats(6, 20), st.floats(1e-6, 0.01))
def test_one_trial_gives_the_probabilistic_sharpe_ratio_and_more_trials_never_raise_it(
    ratio: float, skewness: float, kurtosis: float, variance: float
) -> None:
    record = Moments(ratio, skewness, kurtosis, 500)
    each = [deflated_sharpe(record, variance, count) for count in (1, 1.2, 2, 3, 10, 100, 10_000)]
    assert each[0] == probabilistic_sharpe(record)
    assert all(later <= sooner for sooner, later in pairwise(each))


def test_less_than_one_trial_is_refused() -> None:
    with pytest.raises(DataError, match=r"0.5 trials"):
        expected_maximum(0.5)


def test_trials_of_mean_correlation_one_half_are_about_half_as_many() -> None:
    """A common part of the same variance as each one's own: rho = 1/2, 100 trials are 0.5 + 50."""
    rng = np.random.default_rng(3)
    returns = rng.normal(size=(40_000, 1)) + rng.normal(size=(40_000, 40))
    assert effective_trials(returns, 100) == pytest.approx(50.5, rel=0.02)


def test_effective_trials_worked_by_hand() -> None:
    """Correlations of three columns: 1 between the equal two, 0 with the third; mean 1/3, so 1/3 + 2/3 * 3."""
    a, b = [1.0, -1.0, 1.0, -1.0], [1.0, 1.0, -1.0, -1.0]
    assert effective_trials(np.array([a, a, b]).T, 3) == pytest.approx(1 / 3 + 2)
    # a trial that never traded goes with no other
    assert effective_trials(np.array([a, a, [0.0] * 4]).T, 3) == pytest.approx(1 / 3 + 2)


@given(st.integers(1, 30), st.integers(1, 1000), st.integers(0, 99))
def test_effective_trials_are_between_one_and_the_counted(columns: int, counted: int, seed: int) -> None:
    effective = effective_trials(noise(20, columns, seed), counted)
    assert 1.0 <= effective <= counted


def test_equal_trials_are_one() -> None:
    column = noise(50, 1)
    assert effective_trials(np.repeat(column, 8, axis=1), 500) == pytest.approx(1.0)


def test_cscv_worked_by_hand() -> None:
    """Two blocks of two rows. A: 1, 3 | -3, -1; B: 0, 2 | 2, 4. In sample A wins the first, B the second block.

    Out of sample A is last (-1.41 against 2.12) and B is last (0.71 against 1.41): overfit both times; one of two lost.
    Slope: from (1.414, -1.414) to (2.121, 0.707) it is 3.
    """
    returns = np.array([[1.0, 0.0], [3.0, 2.0], [-3.0, 2.0], [-1.0, 4.0]])
    found = backtest_overfitting(returns, 2)
    assert (found.probability, found.loss, found.splits) == (1.0, 0.5, 2)
    assert found.slope == pytest.approx(3.0)


def test_a_trial_that_is_best_everywhere_is_not_overfit() -> None:
    returns = noise(160, 10)
    returns[:, 4] = np.abs(returns[:, 4]) + 0.05
    found = backtest_overfitting(returns, 8)
    assert (found.probability, found.loss, found.splits) == (0.0, 0.0, 70)


def test_trials_without_an_edge_are_overfit_half_of_the_time() -> None:
    found = [backtest_overfitting(noise(400, 20, seed), 8).probability for seed in range(40)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.1)


def slow_cscv(returns: Floats, blocks: int) -> tuple[float, float, float]:
    """The paper's five steps, one split at a time."""
    bounds = [i * len(returns) // blocks for i in range(blocks + 1)]
    parts = [np.arange(a, b) for a, b in pairwise(bounds)]
    logits, x, y = [], [], []
    for half in combinations(range(blocks), blocks // 2):
        rows = np.concatenate([parts[i] for i in half])
        rest = np.concatenate([parts[i] for i in range(blocks) if i not in half])
        inside = sharpe_ratios(returns[rows])
        outside = sharpe_ratios(returns[rest])
        chosen = int(np.argmax(inside))
        rank = float(scipy.stats.rankdata(outside)[chosen]) / (returns.shape[1] + 1)
        logits.append(math.log(rank / (1 - rank)))
        x.append(inside[chosen])
        y.append(outside[chosen])
    probability = sum(one <= 1e-12 for one in logits) / len(logits)
    return probability, float(scipy.stats.linregress(x, y).slope), float(np.mean(np.array(y) < 0))


@pytest.mark.parametrize(("rows", "trials", "blocks"), [(97, 7, 6), (64, 12, 8), (200, 3, 10)])
def test_cscv_is_the_slow_writing_of_the_papers_steps(rows: int, trials: int, blocks: int) -> None:
    for seed in range(5):
        returns = noise(rows, trials, seed) + np.linspace(0, 0.004, trials)
        found = backtest_overfitting(returns, blocks)
        assert (found.probability, found.slope, found.loss) == pytest.approx(slow_cscv(returns, blocks))


@settings(max_examples=30)
@given(st.integers(0, 999), st.permutations(range(6)), st.booleans())
def test_the_order_of_trials_changes_nothing(seed: int, order: list[int], tied: bool) -> None:
    returns = noise(48, 6, seed)
    if tied:
        # equal trials, and two that never traded
        returns[:, 1] = returns[:, 0]
        returns[:, 2] = returns[:, 3] = 0.0
    found = backtest_overfitting(returns, 6)
    again = backtest_overfitting(np.ascontiguousarray(returns[:, order]), 6)
    assert (again.probability, again.loss) == (found.probability, found.loss)
    assert again.slope == pytest.approx(found.slope, nan_ok=True)
    assert effective_trials(returns[:, order], 50) == pytest.approx(effective_trials(returns, 50))


@given(st.integers(0, 999), st.floats(0.1, 10))
def test_leverage_changes_nothing(seed: int, leverage: float) -> None:
    returns = noise(48, 6, seed)
    assert backtest_overfitting(returns * leverage, 6).probability == backtest_overfitting(returns, 6).probability


@pytest.mark.parametrize(("rows", "trials", "blocks"), [(100, 1, 4), (7, 3, 4), (100, 3, 5), (100, 3, 0), (100, 3, 22)])
def test_what_cannot_be_split_is_refused(rows: int, trials: int, blocks: int) -> None:
    with pytest.raises(DataError):
        backtest_overfitting(noise(rows, trials), blocks)
