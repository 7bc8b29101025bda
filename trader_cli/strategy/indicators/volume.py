"""Prices weighed by what was traded at them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trader_cli.model.bars import Floats
from trader_cli.strategy.arrays import column, earlier, ratio, same_length, whole
from trader_cli.strategy.indicators.averages import sma
from trader_cli.strategy.sharing import shared

_ROUNDING = 1e-12


@shared
def obv(close: npt.ArrayLike, volume: npt.ArrayLike) -> Floats:
    """Return on-balance volume, in base, shape (n,): volume added on a higher close, taken off on a lower
    one.

    Starts at the first bar's volume, as TA-Lib does; NaN volume and closes count as no change. Its level
    depends on where the series begins, only its changes mean something. Source: Granville (1963), "New Key to
    Stock Market Profits".
    """
    closes, volumes = column(close), column(volume)
    same_length(closes, volumes)
    before = earlier(closes, 1)
    sign = np.where(closes > before, 1.0, np.where(closes < before, -1.0, 0.0))
    sign[:1] = 1.0
    # cumsum adds in order, so that a longer history leaves earlier rows as they are.
    return np.cumsum(sign * np.nan_to_num(volumes))


@shared
def mfi(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, period: int = 14
) -> Floats:
    """Return the money flow index, 0 to 100, shape (n,); NaN in the first `period` rows, 50 where nothing
    flowed.

    Source: Quong and Soudack (1989), "Volume-Weighted RSI: Money Flow", Stocks & Commodities.
    """
    n = whole(period)
    price = _typical(high, low, close)
    move = price - earlier(price, 1)
    flow = price * column(volume)
    # Thirds of equal sums may differ in the last digit; a whole bar's flow must not hang on that.
    moved = np.abs(move) > price * _ROUNDING
    flow[np.isnan(move)] = np.nan
    rising = sma(np.where(moved & (move > 0.0), flow, flow * 0.0), n)
    falling = sma(np.where(moved & (move < 0.0), flow, flow * 0.0), n)
    both = rising + falling
    return np.where(both == 0.0, 50.0, 100.0 * ratio(rising, both))


@shared
def vwap(
    high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, volume: npt.ArrayLike, period: int = 14
) -> Floats:
    """Return the mean typical price of the last `period` bars weighed by volume, in quote, shape (n,).

    NaN in the first period - 1 rows and where nothing was traded. Rolling, not anchored to a session: crypto
    has none.
    """
    volumes = column(volume)
    return ratio(sma(_typical(high, low, close) * volumes, period), sma(volumes, period))


def _typical(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike) -> Floats:
    highs, lows, closes = column(high), column(low), column(close)
    same_length(highs, lows, closes)
    return (highs + lows + closes) / 3.0
