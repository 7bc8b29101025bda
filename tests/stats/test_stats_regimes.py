"""Regimes: labels worked by hand, known only from the past, and results by label."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.model.bars import Floats
from trader_cli.stats.regimes import (
    BEAR,
    BULL,
    HIGH,
    LOW,
    SIDEWAYS,
    TRENDS,
    UNKNOWN,
    best_month,
    by_label,
    equal_weight_returns,
    trend_labels,
    volatility_labels,
)


def noise(n: int, seed: int, drift: float = 0.0) -> Floats:
    return np.random.default_rng(seed).normal(drift, 0.02, n)


def test_a_trend_is_a_move_that_its_own_volatility_does_not_explain() -> None:
    """Of +2, +4 %: a move of 6 % against a deviation of 1.4 % * sqrt(2) * 0.5 = 1 %; of +2, -2 %: none."""
    returns = np.expm1(np.array([0.02, 0.04, -0.02, 0.02, -0.05, -0.03, 0.0]))
    assert trend_labels(returns, 2).tolist() == [UNKNOWN, UNKNOWN, BULL, SIDEWAYS, SIDEWAYS, SIDEWAYS, BEAR]


def test_a_market_that_stands_still_goes_sideways() -> None:
    assert set(trend_labels(np.zeros(10), 4)[4:].tolist()) == {SIDEWAYS}


def test_volatility_is_high_above_the_median_of_what_was_seen() -> None:
    """Deviations over two days: 0.7 %, 1.4 %, 2.1 %, 0.7 % (in thousandths 7, 14, 21, 7) against medians of those before."""
    returns = np.array([0.0, 0.01, -0.01, 0.02, 0.03, 0.0])
    assert volatility_labels(returns, 2).tolist() == [UNKNOWN, UNKNOWN, UNKNOWN, HIGH, HIGH, LOW]


@given(st.integers(0, 999), st.integers(2, 30), st.integers(40, 90))
def test_labels_know_only_the_past(seed: int, window: int, cut: int) -> None:
    returns = noise(120, seed)
    poisoned = returns.copy()
    # the day's own return is not known in its morning
    poisoned[cut:] = noise(120 - cut, seed + 1, 0.5)
    for labels in (trend_labels, volatility_labels):
        assert (labels(returns, window)[: cut + 1] == labels(poisoned, window)[: cut + 1]).all()


def test_a_random_walk_is_bull_bear_and_sideways_by_the_normal_law() -> None:
    """Beyond half a deviation: 31 % each way."""
    labels = np.array([trend_labels(np.expm1(noise(40_000, seed)), 30)[30:] for seed in range(8)])
    assert np.mean(labels == BULL) == pytest.approx(0.31, abs=0.015)
    assert np.mean(labels == BEAR) == pytest.approx(0.31, abs=0.015)


def test_a_market_that_rises_is_a_bull() -> None:
    assert np.mean(trend_labels(noise(2000, 2, 0.005), 90)[90:] == BULL) > 0.95


@pytest.mark.parametrize("n", [0, 1, 5])
def test_too_short_a_record_is_not_labelled(n: int) -> None:
    for labels in (trend_labels, volatility_labels):
        assert labels(np.zeros(n), 5).tolist() == [UNKNOWN] * n


def test_the_market_is_the_mean_of_the_symbols_that_are_there() -> None:
    closes = np.array([[100.0, np.nan], [110.0, 50.0], [121.0, 40.0]])
    assert equal_weight_returns(closes) == pytest.approx([0.0, 0.1, (0.1 - 0.2) / 2])
    assert equal_weight_returns(np.full((3, 1), np.nan)).tolist() == [0.0, 0.0, 0.0]
    assert len(equal_weight_returns(np.empty((0, 2)))) == 0


def test_results_by_label_compound_to_the_whole() -> None:
    returns, labels = noise(300, 3, 0.001), trend_labels(noise(300, 4), 20)
    parts = by_label(returns[20:], labels[20:], TRENDS, 365.25)
    assert [one.name for one in parts] == ["bull", "bear", "sideways"]
    assert sum(one.days for one in parts) == 280
    assert sum(one.share_pct for one in parts) == pytest.approx(100)
    whole = math.prod(1 + one.total_return_pct / 100 for one in parts)
    assert whole == pytest.approx(float(np.prod(1 + returns[20:])))


def test_a_label_that_was_never_seen_has_no_result() -> None:
    (found,) = by_label(np.array([0.1]), np.array([BEAR]), {BULL: "bull"}, 365.25)
    assert (found.days, found.share_pct) == (0, 0.0)
    assert math.isnan(found.total_return_pct)


def test_the_best_month_and_what_is_left_without_it() -> None:
    months = [(2024, 1, -10.0), (2024, 2, 50.0), (2024, 3, 5.0)]
    found = best_month(months)
    assert found is not None
    assert found[:3] == (2024, 2, 50.0)
    assert found[3] == pytest.approx((0.9 * 1.05 - 1) * 100)
    assert best_month([]) is None
