"""Every figure against an independent calculation, hand-worked tables, and laws."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.errors import DataError
from trader_cli.model.fills import RoundTrips
from trader_cli.stats.calendar import Span, periods_a_year, trades_weekends
from trader_cli.stats.performance import (
    buy_and_hold,
    cagr,
    curve_stats,
    longest_drawdown_ms,
    max_drawdown,
    monthly_returns,
    sharpe,
    sortino,
    trade_stats,
    turnover,
)

HOUR, DAY = 3_600_000, 86_400_000
FIRST = 1_514_764_800_000  # 2018-01-01, a Monday


def walk(seed: int, count: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return 1000 * np.exp(np.cumsum(rng.normal(0.0002, 0.01, count)))


def trips(*pnl: int) -> RoundTrips:
    columns = np.array(pnl, np.int64)
    zeros = np.zeros(len(pnl), np.int64)
    return RoundTrips(("A",), zeros, zeros, zeros, zeros, zeros, zeros, zeros, columns, zeros, zeros + 4, zeros, zeros)


@pytest.mark.parametrize("seed", range(5))
def test_hourly_figures_equal_pandas_on_daily_closes(seed: int) -> None:
    equity = walk(seed, 24 * 200 + 7)
    stamps = FIRST + HOUR * np.arange(len(equity), dtype=np.int64)
    ours = curve_stats(stamps, HOUR, equity, 1000.0)
    index = pd.to_datetime(stamps, unit="ms", utc=True)
    daily = pd.concat([pd.Series([1000.0]), pd.Series(equity, index=index).resample("1D").last()])
    returns = daily.pct_change().dropna()
    assert ours.sharpe == pytest.approx(returns.mean() / returns.std() * math.sqrt(365.25))
    downside = math.sqrt((returns.clip(upper=0) ** 2).mean())
    assert ours.sortino == pytest.approx(returns.mean() / downside * math.sqrt(365.25))
    assert ours.volatility_pct == pytest.approx(returns.std() * math.sqrt(365.25) * 100)
    whole = pd.concat([pd.Series([1000.0]), pd.Series(equity)])
    assert ours.max_drawdown_pct == pytest.approx((1 - whole / whole.cummax()).max() * 100)
    years = len(equity) / 24 / 365.25
    assert ours.cagr_pct == pytest.approx(((equity[-1] / 1000) ** (1 / years) - 1) * 100)
    assert ours.calmar == pytest.approx(ours.cagr_pct / ours.max_drawdown_pct)


def test_drawdown_worked_by_hand() -> None:
    # peak 120, trough 90: (120 - 90) / 120 = 0.25
    assert max_drawdown(np.array([100.0, 120, 90, 110, 130, 125])) == pytest.approx(0.25)
    stamps = np.arange(6, dtype=np.int64) * DAY
    # below 120 from day 1 until day 4
    assert longest_drawdown_ms(stamps, np.array([100.0, 120, 90, 110, 130, 125])) == 3 * DAY
    # never recovered: from day 1 to the end
    assert longest_drawdown_ms(stamps, np.array([100.0, 120, 90, 110, 119, 119.9])) == 4 * DAY


def test_a_loss_from_the_first_bar_on_counts_from_the_starting_cash() -> None:
    stats = curve_stats(np.arange(3, dtype=np.int64) * DAY, DAY, np.array([90.0, 95.0, 99.0]), 100.0)
    assert stats.max_drawdown_pct == pytest.approx(10.0)


def test_sharpe_and_sortino_worked_by_hand() -> None:
    returns = np.array([0.01, -0.02, 0.03, 0.0])
    # mean 0.005; deviation sqrt((.005^2 + .025^2 + .025^2 + .005^2) / 3) = 0.020817; downside sqrt(.0004 / 4) = 0.01
    assert sharpe(returns, 252) == pytest.approx(0.005 / 0.0208167 * math.sqrt(252), rel=1e-5)
    assert sortino(returns, 252) == pytest.approx(0.5 * math.sqrt(252))


def test_what_is_not_defined_is_nan() -> None:
    assert math.isnan(sharpe(np.array([0.01]), 252))
    assert math.isnan(sharpe(np.zeros(10), 252))
    assert math.isnan(sortino(np.array([0.01, 0.02]), 252))
    assert math.isnan(cagr(100, 110, 0.0))
    flat = curve_stats(np.arange(5, dtype=np.int64) * DAY, DAY, np.full(5, 100.0), 100.0)
    assert (flat.total_return_pct, flat.max_drawdown_pct) == (0.0, 0.0)
    assert math.isnan(flat.calmar)
    assert math.isnan(trade_stats(trips()).win_rate_pct)


def test_equity_that_cannot_be_is_an_error() -> None:
    with pytest.raises(DataError):
        max_drawdown(np.array([1.0, np.nan]))
    with pytest.raises(DataError):
        max_drawdown(np.array([1.0, -1.0]))


def test_trades_worked_by_hand() -> None:
    stats = trade_stats(trips(300, -100, 0, 200, -50))
    one = 1e-8
    assert stats.trades == 5
    assert stats.win_rate_pct == 40.0
    assert stats.profit_factor == pytest.approx(500 / 150)
    assert stats.expectancy == pytest.approx(70 * one)
    assert stats.payoff_ratio == pytest.approx(250 / 75)
    assert (stats.best, stats.worst, stats.average_bars) == (300 * one, -100 * one, 4.0)
    assert trade_stats(trips(5, 6)).profit_factor == math.inf


@given(st.integers(0, 10**6), st.floats(0.01, 1000))
@settings(max_examples=50, deadline=None)
def test_more_money_changes_no_ratio(seed: int, times: float) -> None:
    equity = walk(seed, 300)
    stamps = FIRST + DAY * np.arange(300, dtype=np.int64)
    one, other = (curve_stats(stamps, DAY, equity * k, 1000.0 * k) for k in (1.0, times))
    for name in ("total_return_pct", "cagr_pct", "sharpe", "sortino", "max_drawdown_pct", "volatility_pct"):
        assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-6, abs=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 900))
@settings(max_examples=50, deadline=None)
def test_months_compound_to_the_total(seed: int, count: int) -> None:
    equity = walk(seed, count)
    stamps = FIRST + DAY * np.arange(count, dtype=np.int64)
    rows = monthly_returns(stamps, equity, 1000.0)
    assert math.prod(1 + value / 100 for _, _, value in rows) == pytest.approx(equity[-1] / 1000)
    assert rows[0][:2] == (2018, 1)
    assert len({row[:2] for row in rows}) == len(rows)


def test_stocks_have_252_days_and_coins_365() -> None:
    coins = FIRST + DAY * np.arange(60, dtype=np.int64)
    stocks = coins[(coins // DAY) % 7 % 7 != 2]
    stocks = np.array([t for t in coins.tolist() if (t // DAY) % 7 not in (2, 3)], np.int64)
    assert trades_weekends(coins)
    assert not trades_weekends(stocks)
    assert periods_a_year(coins, DAY) == 365.25
    assert periods_a_year(stocks, DAY) == 252
    assert periods_a_year(coins, 7 * DAY) == pytest.approx(365.25 / 7)


def test_daily_closes_are_the_last_bar_of_each_day() -> None:
    stamps = FIRST + HOUR * np.array([0, 5, 23, 24, 30, 72], np.int64)
    ends = Span.of(stamps, HOUR).ends
    assert ends.tolist() == [2, 4, 5]
    assert Span.of(stamps, DAY).ends.tolist() == [0, 1, 2, 3, 4, 5]


def test_buy_and_hold_waits_in_cash_for_a_symbol_that_starts_late() -> None:
    nan = math.nan
    opens = np.array([[10.0, nan], [11.0, 50.0], [12.0, 55.0]])
    closes = np.array([[11.0, nan], [12.0, 55.0], [13.0, 60.0]])
    # half of 200 buys 10 at 10, half waits and buys 2 at 50; no costs
    assert buy_and_hold(opens, closes, 200.0, 0.0).tolist() == [210.0, 230.0, 250.0]
    # 1 % costs once: 9.9 and 1.98 units
    assert buy_and_hold(opens, closes, 200.0, 0.01)[-1] == pytest.approx(9.9 * 13 + 1.98 * 60)


def test_turnover_is_traded_value_over_mean_equity() -> None:
    assert turnover(np.array([300 * 10**8, 100 * 10**8]), np.array([100.0, 300.0])) == 2.0
