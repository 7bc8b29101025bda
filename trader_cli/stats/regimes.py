"""What kind of market a day was in, as far as anybody could know the evening before."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trader_cli.model.bars import Floats, Ints
from trader_cli.stats.performance import max_drawdown, sharpe

NAN = float("nan")
UNKNOWN, BEAR, SIDEWAYS, BULL = -1, 0, 1, 2
LOW, HIGH = 0, 1
TRENDS = {BULL: "bull", BEAR: "bear", SIDEWAYS: "sideways"}
VOLATILITIES = {LOW: "low volatility", HIGH: "high volatility"}
TREND_PARTS, VOLATILITY_PARTS = 4, 12
"""The trend is that of the last quarter of a year, volatility that of the last month."""
THRESHOLD = 0.5
"""Deviations that a quarter's move must reach to be a trend: a random walk is bull, bear and sideways 31, 31 and 38 % of
the time."""


@dataclass(frozen=True)
class Regime:
    """What was earned on days of one label. total_return_pct: compounded; sharpe: annualised, NaN = not defined."""

    name: str
    days: int
    share_pct: float
    total_return_pct: float
    sharpe: float
    max_drawdown_pct: float


def equal_weight_returns(closes: Floats) -> Floats:
    """Return the market's return of each period, shape (n,): the mean over the symbols that have two closes; 0 where none has.

    closes: shape (n, s), NaN before a symbol's first bar; the last close is carried on. The first row's return is 0.
    """
    if len(closes) == 0:
        return np.empty(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = closes[1:] / closes[:-1] - 1.0
    known = np.isfinite(moves)
    count = known.sum(axis=1)
    mean = np.where(known, moves, 0.0).sum(axis=1) / np.maximum(count, 1)
    return np.asarray(np.r_[0.0, mean], np.float64)


def trend_labels(returns: Floats, window: int, threshold: float = THRESHOLD) -> Ints:
    """Return BULL, BEAR, SIDEWAYS or UNKNOWN of each period, shape (n,), from the `window` returns before it, not its own.

    BULL where the sum of log returns is at least `threshold` * deviation * sqrt(window), BEAR where it is at most minus that;
    SIDEWAYS between, and where nothing moved. The first `window` are UNKNOWN.
    """
    labels = np.full(len(returns), UNKNOWN, np.int64)
    if len(returns) <= window or window < 2:
        return labels
    past = np.lib.stride_tricks.sliding_window_view(np.log1p(returns), window)[:-1]
    trend = past.sum(axis=1)
    bound = threshold * past.std(axis=1, ddof=1) * math.sqrt(window)
    moved = bound > 1e-15
    labels[window:] = np.where(moved & (trend >= bound), BULL, np.where(moved & (trend <= -bound), BEAR, SIDEWAYS))
    return labels


def volatility_labels(returns: Floats, window: int) -> Ints:
    """Return HIGH, LOW or UNKNOWN of each period, shape (n,), from the returns before it, not its own.

    HIGH where the deviation of the last `window` returns is above the median of all such before it. The first `window`
    and one more are UNKNOWN: there is nothing to compare with.
    """
    labels = np.full(len(returns), UNKNOWN, np.int64)
    if len(returns) <= window or window < 2:
        return labels
    deviations = np.lib.stride_tricks.sliding_window_view(returns, window)[:-1].std(axis=1, ddof=1).tolist()
    seen: list[float] = []
    for i, deviation in enumerate(deviations):
        if seen:
            # Above the median: more than half of the others lie below.
            labels[window + i] = HIGH if 2 * bisect_left(seen, deviation) > len(seen) else LOW
        insort(seen, deviation)
    return labels


def by_label(returns: Floats, labels: Ints, names: dict[int, str], periods: float) -> list[Regime]:
    """Return the results of each label in `names`, in its order; returns and labels: shape (n,); periods: a year's."""
    return [_regime(name, returns[labels == label], len(returns), periods) for label, name in names.items()]


def best_month(months: Sequence[tuple[int, int, float]]) -> tuple[int, int, float, float] | None:
    """Return (year, month, its return, all the others' compounded return), in percent, of the best month; None of none.

    months: as `performance.monthly_returns` gives them. Of equal ones the first.
    """
    if not months:
        return None
    best = max(range(len(months)), key=lambda i: months[i][2])
    others = math.prod(1.0 + value / 100.0 for i, (_, _, value) in enumerate(months) if i != best)
    year, month, value = months[best]
    return year, month, value, (others - 1.0) * 100.0


def _regime(name: str, returns: Floats, total: int, periods: float) -> Regime:
    if len(returns) == 0:
        return Regime(name, 0, 0.0, NAN, NAN, NAN)
    account = np.r_[1.0, np.cumprod(1.0 + returns)]
    return Regime(
        name=name,
        days=len(returns),
        share_pct=len(returns) / total * 100.0,
        total_return_pct=float(account[-1] - 1.0) * 100.0,
        sharpe=sharpe(returns, periods),
        max_drawdown_pct=max_drawdown(account) * 100.0,
    )
