"""Resampling: block lengths against their closed form, draws against their law, intervals against theory."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.errors import DataError
from trader_cli.model.bars import Floats
from trader_cli.stats.performance import max_drawdown, sharpe
from trader_cli.stats.resampling import (
    automatic_block,
    bootstrap,
    compounded_drawdowns,
    reordered_drawdowns,
    stationary_rows,
)


def autoregressive(n: int, rho: float, seed: int) -> Floats:
    shocks = np.random.default_rng(seed).normal(size=n)
    values = np.empty(n)
    values[0] = shocks[0]
    for i in range(1, n):
        values[i] = rho * values[i - 1] + shocks[i]
    return values


def slow_block(x: Floats) -> float:
    """The published procedure, written down again number by number."""
    n = len(x)
    mean = sum(x) / n
    r = [sum((x[t] - mean) * (x[t + k] - mean) for t in range(n - k)) / n for k in range(n)]
    k_n = max(5, math.ceil(math.sqrt(math.log10(n))))
    m_max = math.ceil(math.sqrt(n)) + k_n
    bound = 2 * math.sqrt(math.log10(n) / n)
    m = None
    for candidate in range(m_max - k_n + 1):
        if all(abs(r[candidate + k] / r[0]) < bound for k in range(1, k_n + 1)):
            m = candidate
            break
    if m is None:
        m = max(k for k in range(m_max + 1) if abs(r[k] / r[0]) >= bound)
    width = min(2 * max(m, 1), m_max)
    flat = [1.0 if k / width <= 0.5 else 2 * (1 - k / width) for k in range(width + 1)]
    g = sum(flat[abs(k)] * abs(k) * r[abs(k)] for k in range(-width, width + 1))
    spectrum = sum(flat[abs(k)] * r[abs(k)] for k in range(-width, width + 1))
    block = ((2 * g * g) / (2 * spectrum**2)) ** (1 / 3) * n ** (1 / 3)
    return min(max(block, 1.0), 3 * math.sqrt(n), n / 3)


@pytest.mark.parametrize("rho", [-0.4, 0.0, 0.3, 0.7, 0.95])
def test_the_automatic_block_is_the_published_procedure_written_slowly(rho: float) -> None:
    for n in (20, 90, 300):
        for seed in range(4):
            x = autoregressive(n, rho, seed)
            assert automatic_block(x) == pytest.approx(slow_block(x))


@pytest.mark.parametrize("rho", [0.3, 0.6])
def test_the_automatic_block_of_a_long_autoregression_is_its_closed_form(rho: float) -> None:
    """G = 2 s rho / ((1 - rho)^2 (1 - rho^2)) and g(0) = s / (1 - rho)^2, so that b = (2 rho / (1 - rho^2))^(2/3) n^(1/3)."""
    n = 20_000
    found = np.mean([automatic_block(autoregressive(n, rho, seed)) for seed in range(8)])
    assert found == pytest.approx((2 * rho / (1 - rho**2)) ** (2 / 3) * n ** (1 / 3), rel=0.15)


@pytest.mark.parametrize("returns", [np.empty(0), np.ones(5), np.zeros(100)])
def test_too_few_returns_and_those_that_never_differ_are_drawn_one_by_one(returns: Floats) -> None:
    assert automatic_block(returns) == 1.0


@pytest.mark.parametrize("block", [1.0, 4.0, 25.0])
def test_drawn_rows_go_on_in_a_circle_and_begin_anew_once_a_block(block: float) -> None:
    n = 500
    rows = stationary_rows(n, block, 400, np.random.default_rng(1))
    assert rows.shape == (400, n)
    assert rows.min() >= 0
    assert rows.max() < n
    anew = (rows[:, 1:] != (rows[:, :-1] + 1) % n).mean()
    # a new block begins right where the old one would have gone on once in n
    assert anew == pytest.approx((1 - 1 / n) / block, rel=0.05)
    # every row is as likely as any other
    assert np.bincount(rows.ravel(), minlength=n).std() / (400 * n / n) < 0.05 * math.sqrt(2 * block)


def test_the_interval_of_a_mean_is_that_of_the_central_limit() -> None:
    returns = np.random.default_rng(4).normal(0.001, 0.02, 1000)
    found = bootstrap(returns, 4000, 7, 0.95, block=1.0)
    error = returns.std() / math.sqrt(1000)
    assert found.mean.value == pytest.approx(returns.mean())
    assert found.mean.low == pytest.approx(returns.mean() - 1.96 * error, abs=0.1 * error)
    assert found.mean.high == pytest.approx(returns.mean() + 1.96 * error, abs=0.1 * error)
    assert found.sharpe.value == pytest.approx(sharpe(returns, 1.0))
    assert found.sharpe.high - found.sharpe.low == pytest.approx(2 * 1.96 / math.sqrt(1000), rel=0.1)
    assert found.drawdown.low < found.drawdown.value < found.drawdown.high


def test_blocks_keep_what_single_days_forget() -> None:
    """The mean of an autoregression with rho = 0.6 varies (1 + rho) / (1 - rho) = 4 times as much: twice as wide."""
    returns = 0.01 * autoregressive(4000, 0.6, 3)
    alone = bootstrap(returns, 1000, 7, block=1.0).mean
    blocks = bootstrap(returns, 1000, 7).mean
    assert (blocks.high - blocks.low) / (alone.high - alone.low) == pytest.approx(2.0, rel=0.15)


def test_a_seed_is_one_result_and_another_seed_another() -> None:
    returns = 0.01 * autoregressive(200, 0.2, 1)
    assert bootstrap(returns, 300, 1) == bootstrap(returns, 300, 1)
    assert bootstrap(returns, 300, 1) != bootstrap(returns, 300, 2)
    trades = np.linspace(-0.1, 0.12, 30)
    assert (reordered_drawdowns(trades, 50, 1) == reordered_drawdowns(trades, 50, 1)).all()
    assert (reordered_drawdowns(trades, 50, 1) != reordered_drawdowns(trades, 50, 2)).any()


def test_one_return_is_nothing_to_draw_from() -> None:
    with pytest.raises(DataError, match=r"1 returns"):
        bootstrap(np.array([0.1]), 10, 1)


def test_drawdowns_of_reordered_trades_are_those_of_all_orders() -> None:
    """-50 %, +100 % and +10 %: each of the six orders, worked through one account; all end at 1.1."""
    results = np.array([-0.5, 1.0, 0.1])
    each = {order: max_drawdown(np.cumprod(np.r_[1.0, 1.0 + np.array(order)])) for order in permutations(results)}
    assert set(each.values()) == {0.5}
    two = np.array([-0.5, -0.2, 1.0])
    expected = sorted({round(max_drawdown(np.cumprod(np.r_[1.0, 1.0 + np.array(o)])), 9) for o in permutations(two)})
    assert expected == [0.5, 0.6]
    drawn = np.round(reordered_drawdowns(two, 3000, 1), 9)
    assert sorted(set(drawn.tolist())) == expected
    # 0.6 where the two losses are neighbours, which they are in four of the six orders
    assert np.mean(drawn == 0.6) == pytest.approx(4 / 6, abs=0.03)


@given(st.lists(st.floats(-0.9, 2.0), min_size=1, max_size=30))
def test_compounded_drawdowns_are_those_of_the_account(results: list[float]) -> None:
    returns = np.array(results)
    account = np.cumprod(np.r_[1.0, 1.0 + returns])
    assert compounded_drawdowns(returns[None, :])[0] == pytest.approx(max_drawdown(account))


def test_no_trades_have_no_drawdown() -> None:
    assert (reordered_drawdowns(np.empty(0), 5, 1) == 0.0).all()
