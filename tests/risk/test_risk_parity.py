"""Equal risk contributions: against an independent solver, in closed form where there is one, and by their laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize

from trader_cli.risk.parity import covariance, equal_risk_weights
from trader_cli.risk.returns import bar_returns

pytestmark = pytest.mark.req("R2.4")

SEED = st.integers(0, 2**32)
VOLATILITY = st.floats(1e-4, 10.0)


def solved(cov):
    """The weights, with NaN around the block and marks around the weights, because nothing there may be touched."""
    cov = np.asarray(cov, np.float64)
    n = len(cov)
    padded = np.full((n + 2, n + 2), np.nan)
    padded[:n, :n] = cov
    weights = np.full(n + 2, -7.0)
    converged = equal_risk_weights(padded, n, weights)
    assert (weights[n:] == -7.0).all()
    return weights[:n], converged


def contributions(cov, weights):
    parts = weights * (cov @ weights)
    return parts / parts.sum()


def random_cov(seed, n):
    rng = np.random.default_rng(seed)
    moves = rng.normal(size=(3 * n + 5, n)) + rng.normal(size=(3 * n + 5, 1)) * rng.uniform(-2, 2, n)
    return np.cov((moves * np.exp(rng.normal(-4, 1.5, n))).T).reshape(n, n)


def reference(cov):
    """Minimise x' corr x / 2 - mean(log x) over x > 0 by a general trust-region method; the minimum has equal risks."""
    n = len(cov)
    scale = np.sqrt(np.diag(cov))
    corr = cov / np.outer(scale, scale)

    def objective(x):
        return x @ corr @ x / 2 - np.log(x).mean() if (x > 0).all() else 1e9

    found = optimize.minimize(
        objective,
        np.full(n, corr.sum() ** -0.5),
        jac=lambda x: corr @ x - 1 / (n * x),
        hess=lambda x: corr + np.diag(1 / (n * x * x)),
        method="trust-exact",
        options={"gtol": 1e-9},
    )
    # Finished by Newton's method on the equations themselves, which is safe this near.
    x = found.x
    for _ in range(3):
        x = x - np.linalg.solve(corr + np.diag(1 / (n * x * x)), corr @ x - 1 / (n * x))
    assert np.abs(x * (corr @ x) * n - 1).max() < 1e-12
    return x / scale / (x / scale).sum()


@given(SEED, st.integers(1, 12))
def test_every_row_carries_the_same_risk(seed, n) -> None:
    cov = random_cov(seed, n)
    weights, converged = solved(cov)
    assert converged
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)
    assert contributions(cov, weights) * n == pytest.approx(np.ones(n), rel=1e-9)


@given(SEED, st.integers(2, 8))
def test_weights_are_those_of_an_independent_solver(seed, n) -> None:
    cov = random_cov(seed, n)
    assert solved(cov)[0] == pytest.approx(reference(cov), rel=1e-8)


def test_no_nearby_weights_are_nearer_to_equal_risk() -> None:
    # Independent of any equation: a general minimiser of the spread of contributions finds the same place.
    cov = np.array([[0.04, 0.006, -0.01], [0.006, 0.09, 0.012], [-0.01, 0.012, 0.16]])

    def spread(weights):
        return ((contributions(cov, weights) - 1 / 3) ** 2).sum() * 1e4

    found = optimize.minimize(
        spread,
        np.full(3, 1 / 3),
        method="SLSQP",
        bounds=[(1e-6, 1)] * 3,
        constraints={"type": "eq", "fun": lambda weights: weights.sum() - 1},
        options={"ftol": 1e-16, "maxiter": 500},
    )
    assert solved(cov)[0] == pytest.approx(found.x, abs=1e-6)


@given(VOLATILITY, VOLATILITY, st.floats(-0.99, 0.99))
def test_two_rows_are_weighted_by_inverse_volatility_whatever_their_correlation(one, other, rho) -> None:
    # w1 (w1 s1^2 + w2 c) = w2 (w2 s2^2 + w1 c) leaves w1 s1 = w2 s2 (Maillard, Roncalli and Teiletche 2010).
    weights, converged = solved([[one * one, rho * one * other], [rho * one * other, other * other]])
    assert converged
    assert weights == pytest.approx([other / (one + other), one / (one + other)], rel=1e-9)


@given(st.lists(VOLATILITY, min_size=2, max_size=8), st.floats(0.0, 0.99))
def test_equal_correlations_give_inverse_volatility(volatilities, rho) -> None:
    scale = np.array(volatilities)
    corr = np.full((len(scale), len(scale)), rho)
    np.fill_diagonal(corr, 1.0)
    weights, converged = solved(corr * np.outer(scale, scale))
    assert converged
    assert weights == pytest.approx((1 / scale) / (1 / scale).sum(), rel=1e-9)


def test_three_rows_by_hand() -> None:
    # Unit variances, rows 0 and 1 with correlation c, row 2 alone. By symmetry w = (x, x, y): x (x + c x) = y y, so
    # y = x sqrt(1 + c). c = 0.21: y = 1.1 x, x = 1 / 3.1.
    weights, _ = solved([[1.0, 0.21, 0.0], [0.21, 1.0, 0.0], [0.0, 0.0, 1.0]])
    assert weights == pytest.approx([1 / 3.1, 1 / 3.1, 1.1 / 3.1], rel=1e-9)


@given(SEED, st.integers(2, 6), st.floats(1e-12, 1e12))
def test_the_unit_of_risk_changes_nothing(seed, n, factor) -> None:
    cov = random_cov(seed, n)
    assert solved(cov * factor)[0] == pytest.approx(solved(cov)[0], rel=1e-9)


@given(SEED, st.integers(2, 6), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed, n, random) -> None:
    cov = random_cov(seed, n)
    order = list(range(n))
    random.shuffle(order)
    assert solved(cov[np.ix_(order, order)])[0] == pytest.approx(solved(cov)[0][order], rel=1e-8)


@given(SEED, st.integers(2, 6), st.floats(1.1, 10.0))
def test_a_row_that_becomes_riskier_gets_less(seed, n, leverage) -> None:
    cov = random_cov(seed, n)
    riskier = cov.copy()
    riskier[0, :] *= leverage
    riskier[:, 0] *= leverage
    assert solved(riskier)[0][0] < solved(cov)[0][0]


@given(SEED, st.integers(1, 5), st.integers(1, 3))
def test_rows_without_variance_get_the_equal_weight_and_the_others_share_the_rest(seed, risky, still) -> None:
    cov = random_cov(seed, risky)
    n = risky + still
    whole = np.zeros((n, n))
    whole[still:, still:] = cov
    weights, converged = solved(whole)
    assert converged
    assert weights[:still] == pytest.approx(np.full(still, 1 / n), rel=1e-15)
    assert weights[still:] == pytest.approx(solved(cov)[0] * risky / n, rel=1e-9)
    assert weights.sum() == pytest.approx(1.0, abs=1e-14)


def test_nothing_varies_so_weights_are_equal() -> None:
    weights, converged = solved(np.zeros((4, 4)))
    assert converged
    assert (weights == 0.25).all()


def test_a_perfect_hedge_has_no_solution_and_says_so() -> None:
    weights, converged = solved([[0.04, -0.08], [-0.08, 0.16]])
    assert not converged
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1.0)


@given(SEED, st.integers(2, 12), st.integers(2, 6))
def test_weights_are_usable_even_where_history_is_too_short_for_an_answer(seed, n, bars) -> None:
    cov = np.cov(np.random.default_rng(seed).normal(size=(bars, n)).T)
    weights, converged = solved(cov)
    assert (weights > 0).all()
    assert weights.sum() == pytest.approx(1.0, abs=1e-12)
    if converged:
        assert contributions(cov, weights) * n == pytest.approx(np.ones(n), rel=1e-9)


def covariance_of(prices, bar, window, rows):
    cov = np.full((len(rows) + 1, len(rows) + 1), -7.0)
    work = np.empty(2 * len(rows))
    n = covariance(bar_returns(prices[3]), bar, window, np.array(rows, np.int64), len(rows), cov, work)
    assert (cov[-1] == -7.0).all()
    assert (cov[:, -1] == -7.0).all()
    return cov[:-1, :-1], n


def market(seed, length=50, symbols=6):
    rng = np.random.default_rng(seed)
    prices = np.full((4, length, symbols), np.nan)
    common = rng.normal(0, 0.02, (length, 1))
    prices[3] = 100 * np.cumprod(1 + common + rng.normal(0, 0.02, (length, symbols)), axis=0)
    for symbol in range(symbols):
        prices[3, : rng.integers(0, 5), symbol] = np.nan
    return prices


@given(SEED, st.integers(2, 49), st.integers(2, 60), st.lists(st.integers(0, 5), min_size=1, max_size=6, unique=True))
def test_covariance_is_numpys_with_missing_returns_as_zero(seed, bar, window, rows) -> None:
    prices = market(seed)
    moves = np.nan_to_num(prices[3, 1:] / prices[3, :-1] - 1)[max(0, bar - window) : bar]
    cov, n = covariance_of(prices, bar, window, rows)
    assert n == len(moves)
    assert cov == pytest.approx(np.cov(moves[:, rows].T).reshape(len(rows), len(rows)), rel=1e-9, abs=1e-17)
    assert (cov == cov.T).all()


@pytest.mark.parametrize(("bar", "window"), [(0, 10), (1, 10), (10, 1), (10, 0)])
def test_fewer_than_two_returns_are_no_covariance(bar, window) -> None:
    assert not covariance_of(market(1), bar, window, [0, 1])[0].any()


def test_a_row_that_stands_still_or_grows_steadily_has_no_variance() -> None:
    prices = market(1)
    prices[3, :, 0] = 7.0
    prices[3, :, 1] = 100 * np.cumprod(np.full(50, 1.001))
    cov, _ = covariance_of(prices, 49, 40, [0, 1, 2])
    assert not cov[:2].any()
    assert cov[2, 2] > 0


def test_covariance_reads_nothing_outside_the_window_and_no_other_row() -> None:
    prices = market(2)
    expected, _ = covariance_of(prices, 40, 20, [0, 3])
    prices[:, 41:, :] = 1e300
    prices[:, :20, :] = 1e300
    prices[:, :, 1] = 1e300
    assert (covariance_of(prices, 40, 20, [0, 3])[0] == expected).all()
