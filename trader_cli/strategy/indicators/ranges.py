"""Ranges of bars and directional movement, after Wilder (1978), "New Concepts in Technical Trading Systems"."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.model.bars import Floats
from trader_cli.strategy.arrays import column, earlier, ratio, same_length, whole
from trader_cli.strategy.indicators.averages import ema, rma, smooth
from trader_cli.strategy.indicators.spread import Bands
from trader_cli.strategy.sharing import shared


class Adx(NamedTuple):
    """adx: strength of the trend, 0 to 100. plus, minus: upward and downward movement, 0 to 100. Each (n,)."""

    adx: Floats
    plus: Floats
    minus: Floats


@shared
def true_range(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike) -> Floats:
    """Return the range of each bar, stretched to the close before it, in quote, shape (n,), >= 0.

    The first bar has no close before it: high - low.
    """
    highs, lows, closes = column(high), column(low), column(close)
    same_length(highs, lows, closes)
    return _true_range(highs, lows, closes)


@shared
def atr(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = 14) -> Floats:
    """Return Wilder's mean of the true range, in quote, shape (n,); NaN in the first period - 1 rows."""
    n = whole(period)
    ranges = true_range(high, low, close)
    # In place: fresh memory costs more than the arithmetic.
    return smooth(column(ranges), 1.0 / n, n, ranges)


@shared
def keltner(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = 20, width: float = 2.0
) -> Bands:
    """Return the exponential mean of the close and `width` average true ranges of the same period around it.

    Source: Keltner (1960), in the form of Raschke: exponential mean and average true range.
    """
    middle = ema(close, period)
    reach = atr(high, low, close, period) * width
    return Bands(middle - reach, middle, middle + reach)


@shared
def adx(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = 14) -> Adx:
    """Return the average directional index and both directional indicators.

    plus and minus: NaN in the first `period` rows, adx in the first 2 period - 1. 0 where nothing moved.
    """
    n = whole(period)
    highs, lows = column(high), column(low)
    up = highs - earlier(highs, 1)
    down = earlier(lows, 1) - lows
    ranges = true_range(highs, lows, close)
    missing = np.isnan(up) | np.isnan(down)
    # Wilder counts from the second bar: the first has no movement.
    ranges[missing] = np.nan
    plus_moves = np.where(missing, np.nan, np.where((up > down) & (up > 0.0), up, 0.0))
    minus_moves = np.where(missing, np.nan, np.where((down > up) & (down > 0.0), down, 0.0))
    mean_range = rma(ranges, n)
    plus = _share(rma(plus_moves, n), mean_range)
    minus = _share(rma(minus_moves, n), mean_range)
    return Adx(rma(_share(np.abs(plus - minus), plus + minus), n), plus, minus)


def _share(part: Floats, whole_: Floats) -> Floats:
    return np.where(whole_ == 0.0, 0.0, 100.0 * ratio(part, whole_))


@njit
def _true_range(high: Floats, low: Floats, close: Floats) -> Floats:
    out = np.empty(len(high))
    before = np.nan
    for i in range(len(high)):
        # A comparison with NaN is false: without a close before it, a bar's range is its own.
        top = before if before > high[i] else high[i]
        bottom = before if before < low[i] else low[i]
        out[i] = top - bottom
        before = close[i]
    return out
