"""The figures of a run. Percentages are in percent, ratios plain; NaN = not defined for this run."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trader_cli.compiler import brief, kernel
from trader_cli.errors import DataError
from trader_cli.model.bars import Floats, Ints
from trader_cli.model.fills import RoundTrips
from trader_cli.stats.calendar import YEAR_MS, Span, months_of

NAN = float("nan")
_CASH = 1e-8


@dataclass(frozen=True)
class CurveStats:
    """What an equity curve says, whoever made it."""

    total_return_pct: float
    cagr_pct: float
    volatility_pct: float
    sharpe: float
    sortino: float
    calmar: float
    max_drawdown_pct: float
    drawdown_days: float


@dataclass(frozen=True)
class TradeStats:
    """What the round trips say. Money in the quote."""

    trades: int
    win_rate_pct: float
    profit_factor: float
    expectancy: float
    payoff_ratio: float
    best: float
    worst: float
    average_bars: float


def returns_of(equity: Floats) -> Floats:
    """Return simple returns between neighbours, shape (n-1,). Raises DataError where equity is not above 0."""
    if len(equity) < 2:
        return np.empty(0)
    if not (equity[:-1] > 0).all():
        raise DataError(f"equity fell to {float(equity[:-1].min()):g}: returns from there are not defined")
    return equity[1:] / equity[:-1] - 1.0


def sharpe(returns: Floats, periods: float) -> float:
    """Return mean / standard deviation (n-1) of the returns, times sqrt(periods a year); risk-free rate 0.

    NaN for fewer than two returns or none that differ. Source: Sharpe (1994), "The Sharpe Ratio".
    """
    return _ratios(returns, periods)[0]


def sortino(returns: Floats, periods: float) -> float:
    """Return mean / downside deviation of the returns, times sqrt(periods a year); target return 0.

    The downside deviation is sqrt(mean(min(r, 0)^2)) over all n returns. NaN for fewer than two returns or none below 0.
    Source: Sortino and van der Meer (1991), "Downside Risk".
    """
    return _ratios(returns, periods)[1]


def _ratios(returns: Floats, periods: float) -> tuple[float, float, float]:
    """Return (Sharpe ratio, Sortino ratio, standard deviation a year) of returns."""
    if len(returns) < 2:
        return NAN, NAN, NAN
    found = np.empty(3)
    _moments(np.ascontiguousarray(returns), found)
    mean, deviation, downside = found.tolist()
    year = math.sqrt(periods)
    # Returns that are all the same leave only rounding in the deviation.
    upper = mean / deviation * year if deviation > 1e-15 else NAN
    return upper, mean / downside * year if downside > 0.0 else NAN, deviation * year


@brief
def _moments(returns: Floats, found: Floats) -> None:
    n = len(returns)
    total = 0.0
    below = 0.0
    for i in range(n):
        total += returns[i]
        fallen = min(returns[i], 0.0)
        below += fallen * fallen
    mean = total / n
    squares = 0.0
    for i in range(n):
        squares += (returns[i] - mean) * (returns[i] - mean)
    found[0] = mean
    found[1] = math.sqrt(squares / (n - 1))
    found[2] = math.sqrt(below / n)


def max_drawdown(equity: Floats) -> float:
    """Return the deepest fall from a running peak, as a fraction in [0, 1].

    equity: shape (n,), account value at each close, all >= 0, oldest first. Returns 0.0 for fewer than two values. Raises
    DataError if a value is NaN or negative. Source: Magdon-Ismail and Atiya (2004), "Maximum drawdown".
    """
    if len(equity) < 2:
        return 0.0
    return _fallen(np.arange(1, len(equity)), 1, float(equity[0]), equity[1:])[0]


def longest_drawdown_ms(open_ms: Ints, equity: Floats) -> int:
    """Return the longest time between a peak and the first close that is as high again, or the end, in ms."""
    if len(equity) < 2:
        return 0
    return _fallen(open_ms[1:], int(open_ms[1] - open_ms[0]), float(equity[0]), equity[1:])[1]


def _fallen(open_ms: Ints, before_ms: int, start: float, equity: Floats) -> tuple[float, int]:
    """Return (deepest fall as a fraction, longest time under a peak in ms) of a curve that begins with `start`.

    before_ms: how long before the first close that was. Raises DataError for values no account can have.
    """
    if not start > 0:
        raise DataError(f"equity begins at {start:g}, a drawdown needs a peak above 0")
    found = np.zeros(2)
    if not _falls(np.ascontiguousarray(open_ms), before_ms, start, np.ascontiguousarray(equity), found):
        wrong = float(equity[~(equity >= 0.0)][0])
        raise DataError(f"equity is {wrong:g} somewhere, a drawdown needs values from 0 up")
    return float(found[0]), int(found[1])


@kernel
def _falls(open_ms: Ints, before_ms: int, start: float, equity: Floats, found: Floats) -> bool:
    peak = start
    peak_ms = open_ms[0] - before_ms
    lowest = start
    deepest = 0.0
    longest = 0
    for i in range(len(equity)):
        value = equity[i]
        if value >= peak:
            longest = max(longest, open_ms[i] - peak_ms)
            peak = value
            lowest = value
            peak_ms = open_ms[i]
        elif value < lowest:
            # Only a new low under this peak can be deeper; a division at every close took most of the time.
            lowest = value
            deepest = max(deepest, (peak - value) / peak)
        if not value >= 0.0:
            return False
    # The last close counts as an end even below the peak: the drawdown goes on there.
    found[0] = deepest
    found[1] = max(longest, open_ms[-1] - peak_ms)
    return True


def cagr(start: float, end: float, years: float) -> float:
    """Return the yearly growth rate (end / start) ** (1 / years) - 1; NaN for less than a day or an end of 0 or less."""
    if years < 1 / 365.25 or start <= 0 or end <= 0:
        return NAN
    growth = math.log(end / start) / years
    # A few lucky days annualise beyond what a float holds.
    return math.expm1(growth) if growth < 700 else NAN


def curve_stats(open_ms: Ints, timeframe_ms: int, equity: Floats, start: float) -> CurveStats:
    """Return the figures of an equity curve.

    equity: shape (n,), at each bar's close; start: before the first bar. Returns are of UTC days (bars, where those are
    longer), annualised by the bars' own calendar. Calmar is CAGR / maximum drawdown, Young (1991), over the whole run.
    """
    return span_stats(Span.of(open_ms, timeframe_ms), equity, start)


def span_stats(span: Span, equity: Floats, start: float) -> CurveStats:
    """Return the figures of an equity curve over a span, as `curve_stats` does."""
    if len(equity) == 0:
        return CurveStats(*[NAN] * 8)
    years = float(span.open_ms[-1] + span.timeframe_ms - span.open_ms[0]) / YEAR_MS
    # The start is the peak everything is measured from, one bar before the first close.
    deepest, longest_ms = _fallen(span.open_ms, span.timeframe_ms, start, equity)
    grown = cagr(start, float(equity[-1]), years)
    daily = np.concatenate(((start,), equity[span.ends]))
    returns = returns_of(daily) if (daily[:-1] > 0).all() else np.empty(0)
    upper, lower, volatility = _ratios(returns, span.periods)
    return CurveStats(
        total_return_pct=(float(equity[-1]) / start - 1.0) * 100,
        cagr_pct=grown * 100,
        volatility_pct=volatility * 100,
        sharpe=upper,
        sortino=lower,
        calmar=grown / deepest if deepest > 0 else NAN,
        max_drawdown_pct=deepest * 100,
        drawdown_days=longest_ms / 86_400_000,
    )


def trade_stats(trips: RoundTrips) -> TradeStats:
    """Return the figures of closed round trips; sums are of exact integers.

    win_rate_pct: share with pnl > 0. profit_factor: won / lost (infinite without a loss). expectancy: mean pnl a trip.
    payoff_ratio: mean win / mean loss. best, worst: pnl. All NaN without trips.
    """
    count = len(trips)
    if count == 0:
        return TradeStats(0, *[NAN] * 7)
    found = np.zeros(8, np.int64)
    _add_up(trips.pnl, trips.bars, found)
    won, lost, wins, losses, total, best, worst, bars = found.tolist()
    factor = won / lost if lost else (math.inf if won else NAN)
    return TradeStats(
        trades=count,
        win_rate_pct=wins / count * 100,
        profit_factor=factor,
        expectancy=total / count * _CASH,
        payoff_ratio=(won / wins) / (lost / losses) if wins and losses else NAN,
        best=best * _CASH,
        worst=worst * _CASH,
        average_bars=bars / count,
    )


@brief
def _add_up(pnl: Ints, bars: Ints, found: Ints) -> None:
    """Write what was won and lost, how often, and in all; the best, the worst, and the bars."""
    best, worst = pnl[0], pnl[0]
    for i in range(len(pnl)):
        one = pnl[i]
        if one > 0:
            found[0] += one
            found[2] += 1
        elif one < 0:
            found[1] -= one
            found[3] += 1
        found[4] += one
        found[7] += bars[i]
        best = max(best, one)
        worst = min(worst, one)
    found[5] = best
    found[6] = worst


def monthly_returns(open_ms: Ints, equity: Floats, start: float) -> list[tuple[int, int, float]]:
    """Return (year, month, return in percent) of each UTC month that has bars, close to close; they compound to the total."""
    if len(equity) == 0:
        return []
    months = months_of(open_ms)
    last = np.flatnonzero(np.r_[months[1:] != months[:-1], True])
    closes = np.r_[start, equity[last]]
    with np.errstate(divide="ignore", invalid="ignore"):
        returns = (closes[1:] / closes[:-1] - 1.0) * 100
    numbers = months[last].tolist()
    return [(one // 12, one % 12 + 1, float(value)) for one, value in zip(numbers, returns, strict=True)]


def turnover(notionals: Ints, equity: Floats) -> float:
    """Return all traded notional (1e-8 quote) over mean equity (quote): how often the account was turned over in the run."""
    mean = float(np.mean(equity)) if len(equity) else NAN
    return int(notionals.sum()) * _CASH / mean if mean > 0 else NAN


def buy_and_hold(opens: Floats, closes: Floats, start: float, cost_rate: float) -> Floats:
    """Return the equity of buying each symbol for an equal part of `start` at its first open and keeping it, shape (T,).

    opens, closes: shape (T, S), NaN where a symbol has no bar; closes carry the last value on. cost_rate: fee and slippage of
    the one purchase, as a fraction. A part waits in cash until its symbol's first bar.
    """
    bars, symbols = closes.shape
    part = start / symbols
    total = np.zeros(bars)
    for s in range(symbols):
        has_bar = ~np.isnan(opens[:, s])
        if not has_bar.any():
            total += part
            continue
        first = int(np.argmax(has_bar))
        bought = part * (1.0 - cost_rate) / opens[first, s]
        total[:first] += part
        total[first:] += bought * closes[first:, s]
    return total
