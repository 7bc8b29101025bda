"""Correlation of bar returns: against numpy, by its laws, and worked out by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.risk.correlation import correlation
from trader_cli.risk.returns import bar_returns

pytestmark = pytest.mark.req("R2.3")

SEED = st.integers(0, 2**32)


def market(moves):
    """Prices (4, n + 1, R) whose bar returns are `moves`, shape (n, R)."""
    moves = np.asarray(moves, np.float64)
    prices = np.full((4, len(moves) + 1, moves.shape[1]), np.nan)
    prices[3] = 100.0
    prices[3, 1:] = 100.0 * np.cumprod(1.0 + moves, axis=0)
    return prices


def whole(moves):
    prices = market(moves)
    return correlation(bar_returns(prices[3]), prices.shape[1] - 1, prices.shape[1], 0, 1)


def random_moves(seed, length=40, columns=2):
    rng = np.random.default_rng(seed)
    own = rng.normal(0.0, 0.02, (length, columns))
    return rng.normal(0.0, 1e-3) + own + rng.normal(0.0, 0.02, (length, 1)) * rng.uniform(-1, 1, columns)


@given(SEED, st.integers(3, 80))
def test_it_is_numpys_corrcoef(seed, length) -> None:
    prices = market(random_moves(seed, length))
    moves = prices[3, 1:] / prices[3, :-1] - 1.0
    expected = np.corrcoef(moves.T)[0, 1]
    assert correlation(bar_returns(prices[3]), length, length, 0, 1) == pytest.approx(expected, abs=1e-12)


@given(SEED, st.integers(0, 45), st.integers(0, 45))
def test_only_pairs_of_the_window_count_where_both_closes_exist(seed, bar, window) -> None:
    prices = market(random_moves(seed, 45))
    rng = np.random.default_rng(seed)
    for row in (0, 1):
        prices[3, : rng.integers(0, 10), row] = np.nan
    moves = (prices[3, 1:] / prices[3, :-1] - 1.0)[max(0, bar - window) : bar]
    pairs = moves[~np.isnan(moves).any(axis=1)]
    expected = np.corrcoef(pairs.T)[0, 1] if len(pairs) >= 3 else 0.0
    assert correlation(bar_returns(prices[3]), bar, window, 0, 1) == pytest.approx(expected, abs=1e-11)


@given(SEED)
def test_it_is_symmetric_and_within_one(seed) -> None:
    prices = market(random_moves(seed, 10))
    value = correlation(bar_returns(prices[3]), 10, 10, 0, 1)
    assert value == correlation(bar_returns(prices[3]), 10, 10, 1, 0)
    assert -1.0 <= value <= 1.0


@given(SEED)
def test_a_row_goes_fully_with_itself_and_fully_against_its_mirror(seed) -> None:
    moves = random_moves(seed, 20, 1)
    assert 1.0 - 1e-12 <= whole(np.hstack([moves, moves])) <= 1.0
    assert -1.0 <= whole(np.hstack([moves, -moves])) <= -1.0 + 1e-12


@given(SEED, st.floats(0.01, 100.0), st.floats(-0.05, 0.05))
def test_leverage_and_drift_change_nothing(seed, leverage, drift) -> None:
    moves = random_moves(seed, 20) / 100
    changed = moves * [leverage, 1.0] + [0.0, drift]
    assert whole(changed) == pytest.approx(whole(moves), abs=1e-7)


@given(SEED, st.integers(-20, 20))
def test_the_unit_of_the_price_changes_no_bit(seed, power) -> None:
    prices = market(random_moves(seed))
    value = correlation(bar_returns(prices[3]), 40, 30, 0, 1)
    prices[:, :, 1] *= 2.0**power
    assert correlation(bar_returns(prices[3]), 40, 30, 0, 1) == value


def test_three_bars_by_hand() -> None:
    # a = 10, 0, -10 %; b = 10, 10, -20 %; both have mean 0. Products 1 + 0 + 2 = 3, squares 2 and 6: 3 / sqrt(12).
    assert whole([[0.1, 0.1], [0.0, 0.1], [-0.1, -0.2]]) == pytest.approx(sqrt(3) / 2, abs=1e-12)


def test_uncorrelated_by_hand() -> None:
    # a = 10, 0, -10 %; b = 10, -20, 10 %: products 1 + 0 - 1 = 0.
    assert whole([[0.1, 0.1], [0.0, -0.2], [-0.1, 0.1]]) == pytest.approx(0.0, abs=1e-12)


def test_two_pairs_are_no_correlation() -> None:
    assert whole([[0.1, 0.1], [-0.1, -0.1]]) == 0.0


@given(SEED, st.floats(-0.05, 0.05))
def test_a_row_that_stands_still_or_grows_steadily_correlates_with_nothing(seed, growth) -> None:
    # Steady growth stored as prices comes back with noise in the last bit, which correlates with anything by chance.
    moves = random_moves(seed, 60)
    moves[:, 0] = growth
    assert whole(moves) == 0.0


def test_small_variation_on_a_large_mean_is_not_lost() -> None:
    # Returns of 50 % with differences in the sixth digit: one pass of raw sums would keep two digits of it.
    moves = 0.5 + 1e-6 * random_moves(5, 30)
    expected = np.corrcoef(random_moves(5, 30).T)[0, 1]
    assert whole(moves) == pytest.approx(expected, abs=1e-6)


def test_nothing_outside_the_window_and_no_other_row_is_read() -> None:
    prices = market(random_moves(1, 40, 3))
    value = correlation(bar_returns(prices[3]), 30, 20, 0, 2)
    prices[:, 31:, :] = 1e300
    prices[:, :10, :] = 1e300
    prices[:, :, 1] = np.nan
    assert correlation(bar_returns(prices[3]), 30, 20, 0, 2) == value
