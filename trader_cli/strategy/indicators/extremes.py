"""Highest and lowest values of a window, and what is measured against them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import inlined, njit
from trader_cli.model.bars import Floats
from trader_cli.strategy.arrays import column, ratio, same_length, whole
from trader_cli.strategy.indicators.averages import sma
from trader_cli.strategy.indicators.spread import Bands
from trader_cli.strategy.sharing import shared


class Stochastic(NamedTuple):
    """k: where the close lies in the range, 0 at the low, 100 at the high. d: its mean. Each of shape (n,)."""

    k: Floats
    d: Floats


@shared
def highest(values: npt.ArrayLike, period: int) -> Floats:
    """Return the highest of the last `period` values, this bar's among them, shape (n,).

    NaN in the first period - 1 rows and wherever the window holds one.
    Source: van Herk (1992), "A fast algorithm for local minimum and maximum filters"; three comparisons a
    value.
    """
    return _extreme(column(values), whole(period), 1.0)


@shared
def lowest(values: npt.ArrayLike, period: int) -> Floats:
    """Return the lowest of the last `period` values, this bar's among them; NaN as in `highest`."""
    return _extreme(column(values), whole(period), -1.0)


@shared
def donchian(high: npt.ArrayLike, low: npt.ArrayLike, period: int) -> Bands:
    """Return the lowest low and highest high of the last `period` bars, this one among them, and their
    middle.

    A breakout compares a close with the channel of the bar before: a close is never above its own high.
    """
    upper, lower = highest(high, period), lowest(low, period)
    same_length(upper, lower)
    return Bands(lower, (upper + lower) / 2.0, upper)


@shared
def stochastic(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = 14, smooth: int = 3
) -> Stochastic:
    """Return %K over `period` bars and its mean %D over `smooth`; NaN while warming up and where the range is
    0.

    Source: Lane (1984), "Lane's Stochastics", Technical Analysis of Stocks & Commodities.
    """
    bands = donchian(high, low, period)
    k = ratio(100.0 * (column(close) - bands.lower), bands.upper - bands.lower)
    return Stochastic(k, sma(k, smooth))


@inlined
def _higher(one: float, other: float) -> float:
    # NaN wins on either side, so that a window with a hole in it says so.
    return one if np.isnan(one) or one > other else other


@njit
def _extreme(values: Floats, period: int, sign: float) -> Floats:
    # sign -1 finds the lowest: multiplying by it is exact.
    n = len(values)
    out = np.empty(n)
    tail = np.full(period + 1, -np.inf)
    next_tail = np.full(period + 1, -np.inf)
    for start in range(0, n, period):
        size = min(period, n - start)
        head = -np.inf
        back = -np.inf
        for k in range(size):
            head = _higher(head, sign * values[start + k])
            back = _higher(back, sign * values[start + size - 1 - k])
            next_tail[size - 1 - k] = back
            out[start + k] = sign * _higher(head, tail[k + 1])
        tail, next_tail = next_tail, tail
    out[: period - 1] = np.nan
    return out
