"""Speed and strength of moves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.model.bars import Floats
from trader_cli.strategy.arrays import column, ratio, same_length, whole
from trader_cli.strategy.indicators.averages import ema, sma
from trader_cli.strategy.indicators.spread import returns
from trader_cli.strategy.sharing import shared


class Macd(NamedTuple):
    """line: fast less slow mean. signal: mean of the line. histogram: line less signal. In quote, each (n,)."""

    line: Floats
    signal: Floats
    histogram: Floats


@shared
def rsi(close: npt.ArrayLike, period: int = 14) -> Floats:
    """Return Wilder's relative strength index, 0 to 100, shape (n,); NaN in the first `period` rows.

    50 where nothing has moved yet, so that a price that stands still is neither cheap nor dear.
    Source: Wilder (1978), "New Concepts in Technical Trading Systems".
    """
    return _rsi(column(close), whole(period))


@shared
def roc(values: npt.ArrayLike, period: int = 12) -> Floats:
    """Return the rate of change over `period` bars in percent; NaN in the first `period` rows."""
    return 100.0 * returns(values, period)


@shared
def macd(close: npt.ArrayLike, fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """Return moving average convergence / divergence; line from row slow - 1, signal `signal` - 1 rows later.

    Source: Appel (2005), "Technical Analysis: Power Tools for Active Investors".
    """
    series = column(close)
    line = ema(series, fast) - ema(series, slow)
    mean = ema(line, signal)
    return Macd(line, mean, line - mean)


@shared
def cci(high: npt.ArrayLike, low: npt.ArrayLike, close: npt.ArrayLike, period: int = 20) -> Floats:
    """Return the commodity channel index: the typical price off its mean in units of 0.015 mean deviations.

    NaN in the first period - 1 rows and where the deviation is 0.
    Source: Lambert (1980), "Commodity Channel Index", Commodities magazine.
    """
    highs, lows, closes = column(high), column(low), column(close)
    same_length(highs, lows, closes)
    typical = column((highs + lows + closes) / 3.0)
    mean = column(sma(typical, period))
    return ratio(typical - mean, 0.015 * _mean_deviation(typical, mean, whole(period)))


@njit
def _rsi(close: Floats, period: int) -> Floats:
    n = len(close)
    out = np.full(n, np.nan)
    alpha = 1.0 / period
    keep = 1.0 - alpha
    gains = 0.0
    losses = 0.0
    before = np.nan
    seen = -1
    for i in range(n):
        price = close[i]
        if np.isnan(price):
            continue
        move = price - before
        before = price
        seen += 1
        if seen == 0:
            continue
        gain = move if move > 0.0 else 0.0
        loss = -move if move < 0.0 else 0.0
        if seen <= period:
            gains += gain * alpha
            losses += loss * alpha
            if seen < period:
                continue
        else:
            gains = gains * keep + gain * alpha
            losses = losses * keep + loss * alpha
        moved = gains + losses
        out[i] = 100.0 * gains / moved if moved > 0.0 else 50.0
    return out


@njit
def _mean_deviation(values: Floats, mean: Floats, period: int) -> Floats:
    out = np.full(len(values), np.nan)
    for i in range(period - 1, len(values)):
        total = 0.0
        for k in range(i - period + 1, i + 1):
            total += abs(values[k] - mean[i])
        out[i] = total / period
    return out
