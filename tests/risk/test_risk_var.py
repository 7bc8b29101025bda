"""Historical VaR and CVaR: against a full sort, by their laws, and worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.engine import state
from trader_cli.risk.returns import bar_returns
from trader_cli.risk.var import tail_losses, tail_size, var_and_cvar

pytestmark = pytest.mark.req("R2.3")

LOSSES = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=120)
TIED = st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 3.0]), min_size=1, max_size=120)
PERMILLE = st.integers(1, 999)


def measured(losses, confidence):
    work = np.array(losses, np.float64)
    return var_and_cvar(work, len(work), confidence)


def market(*closes):
    """Prices (4, T, R) from one tuple of closes per row; other planes are NaN, because nothing may read them."""
    prices = np.full((4, len(closes[0]), len(closes)), np.nan)
    prices[3] = np.array(closes, np.float64).T
    return prices


def losses_of(prices, bar, window, values, rows):
    work = np.full(max(window, 1) + 1, -777.0)
    n = tail_losses(
        bar_returns(prices[3]), bar, window, np.array(values, np.float64), np.array(rows, np.int64), len(rows), work
    )
    assert (work[n:] == -777.0).all()
    return work[:n]


@given(st.one_of(LOSSES, TIED), PERMILLE)
def test_var_and_cvar_are_those_of_a_full_sort(losses, permille) -> None:
    ordered = np.sort(losses)
    rank = ceil(Fraction(permille, 1000) * len(losses))
    var, cvar = measured(losses, permille / 1000)
    assert var == max(0.0, ordered[rank - 1])
    assert cvar == pytest.approx(max(0.0, ordered[rank - 1 :].mean()), rel=1e-12, abs=1e-9)


@given(st.one_of(LOSSES, TIED), PERMILLE)
def test_var_is_the_smallest_loss_that_enough_scenarios_do_not_exceed(losses, permille) -> None:
    var, _ = measured([abs(loss) for loss in losses], permille / 1000)
    sizes = np.abs(losses)
    assert 1000 * (sizes <= var).sum() >= permille * len(sizes)
    assert 1000 * (sizes < var).sum() < permille * len(sizes)


@given(st.one_of(LOSSES, TIED), PERMILLE)
def test_neither_is_negative_and_cvar_is_never_below_var(losses, permille) -> None:
    var, cvar = measured(losses, permille / 1000)
    assert 0.0 <= var <= cvar


@given(st.one_of(LOSSES, TIED), PERMILLE, PERMILLE)
def test_more_confidence_never_lowers_either(losses, one, other) -> None:
    low, high = sorted((one, other))
    var_low, cvar_low = measured(losses, low / 1000)
    var_high, cvar_high = measured(losses, high / 1000)
    assert var_low <= var_high
    assert cvar_low <= cvar_high + 1e-9


@given(st.one_of(LOSSES, TIED), PERMILLE, st.integers(-10, 10))
def test_both_scale_with_the_losses(losses, permille, power) -> None:
    var, cvar = measured(losses, permille / 1000)
    scaled = measured([loss * 2.0**power for loss in losses], permille / 1000)
    # A power of two scales floats exactly, down to where they underflow.
    assert scaled == pytest.approx((var * 2.0**power, cvar * 2.0**power), rel=1e-15, abs=1e-300)


@given(st.one_of(LOSSES, TIED), PERMILLE, st.randoms(use_true_random=False))
def test_the_order_of_scenarios_does_not_matter(losses, permille, random) -> None:
    var, cvar = measured(losses, permille / 1000)
    random.shuffle(losses)
    again = measured(losses, permille / 1000)
    assert again[0] == var
    assert again[1] == pytest.approx(cvar, rel=1e-12, abs=1e-9)


@given(st.lists(st.tuples(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6)), min_size=1, max_size=60), PERMILLE)
def test_cvar_of_two_portfolios_together_is_never_more_than_their_sum(pairs, permille) -> None:
    # Subadditivity, the axiom that VaR lacks and expected shortfall was made for (Acerbi and Tasche 2002).
    one, other = np.array(pairs).T
    apart = measured(one, permille / 1000)[1] + measured(other, permille / 1000)[1]
    assert measured(one + other, permille / 1000)[1] <= apart + 1e-6


@given(st.one_of(LOSSES, TIED), PERMILLE)
def test_the_scenarios_are_only_reordered(losses, permille) -> None:
    work = np.array([*losses, 9e9])
    var_and_cvar(work, len(losses), permille / 1000)
    assert sorted(work[:-1]) == sorted(losses)
    assert work[-1] == 9e9


@given(st.integers(1, 2_000), st.integers(1, 9_999))
def test_the_rank_is_that_of_the_decimal_not_of_its_float(n, basis_points) -> None:
    assert n - tail_size(n, basis_points / 10_000) + 1 == ceil(Fraction(basis_points, 10_000) * n)


def test_twenty_scenarios_at_95_percent() -> None:
    # Losses 1 to 20: 19 of 20 are not worse than 19, 18 of 20 (90 %) not worse than 18. CVaR: (19 + 20) / 2.
    assert measured(range(20, 0, -1), 0.95) == (19.0, 19.5)


def test_no_scenario_is_no_risk() -> None:
    assert measured([], 0.95) == (0.0, 0.0)


def test_bars_without_change_do_not_dilute_the_tail() -> None:
    # 97 still bars and losses 10, 20, 30. Rank 95 of 100 is 0; the six worst are 0 0 0 10 20 30, whose mean is 10.
    # The mean of all scenarios that are >= VaR would be 0.6.
    assert measured([0.0] * 97 + [10.0, 20.0, 30.0], 0.95) == (0.0, 10.0)


def test_a_portfolio_that_only_gained_has_no_loss() -> None:
    assert measured([-5.0, -1.0, -3.0], 0.9) == (0.0, 0.0)


def test_losses_by_hand() -> None:
    # Row 0: 100 -> 110 -> 99, returns +10 %, -10 %. Row 1: 50 -> 40 -> 44, returns -20 %, +10 %.
    # 1000 in row 0 and 500 in row 1: bar 1 loses -100 + 100 = 0, bar 2 loses 100 - 50 = 50.
    prices = market((100, 110, 99), (50, 40, 44))
    assert losses_of(prices, 2, 10, [1000, 500], [0, 1]) == pytest.approx([0.0, 50.0], abs=1e-12)


def test_a_short_holding_loses_when_the_price_rises() -> None:
    assert losses_of(market((100, 125)), 1, 1, [-400], [0]) == pytest.approx([100.0])


def test_bars_before_a_symbol_existed_count_as_no_change() -> None:
    prices = market((np.nan, np.nan, 100, 80), (10, 11, 11, 11))
    assert losses_of(prices, 3, 3, [100, 100], [0, 1]) == pytest.approx([-10.0, 0.0, 20.0])


def test_a_fall_to_nothing_loses_all_and_nothing_has_no_return() -> None:
    assert losses_of(market((10, 0, 0, 5)), 3, 3, [100], [0]).tolist() == [100.0, 0.0, 0.0]


@pytest.mark.parametrize(("bar", "window", "n"), [(0, 5, 0), (1, 5, 1), (5, 5, 5), (9, 5, 5), (9, 1, 1), (9, 0, 0)])
def test_only_bars_of_the_window_that_have_a_bar_before_them_count(bar, window, n) -> None:
    assert len(losses_of(market(range(1, 11)), bar, window, [1], [0])) == n


def test_nothing_outside_the_window_and_no_other_row_is_read() -> None:
    prices = market(range(100, 120), range(200, 220), range(300, 320))
    expected = losses_of(prices, 12, 5, [10, 0, 20], [0, 2])
    prices[:, 13:, :] = np.nan
    prices[:, :7, :] = np.nan
    prices[:, :, 1] = np.nan
    assert (losses_of(prices, 12, 5, [10, np.nan, 20], [0, 2]) == expected).all()


@given(st.integers(0, 2**32), st.integers(2, 40), st.integers(1, 6), st.integers(1, 50))
def test_losses_are_those_of_numpy(seed, length, symbols, window) -> None:
    rng = np.random.default_rng(seed)
    closes = 100 * np.cumprod(1 + rng.uniform(-0.3, 0.3, (length, symbols)), axis=0)
    for symbol in range(symbols):
        closes[: rng.integers(0, 4), symbol] = np.nan
    values = rng.uniform(-1e4, 1e4, symbols)
    rows = rng.permutation(symbols)[: rng.integers(0, symbols + 1)]
    bar = int(rng.integers(0, length))
    moves = np.nan_to_num(closes[1:] / closes[:-1] - 1)[max(0, bar - window) : bar]
    expected = -(moves[:, rows] @ values[rows])
    assert losses_of(market(*closes.T), bar, window, values, rows) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_the_plane_of_closes_is_the_engines() -> None:
    assert state.CLOSE == 3
