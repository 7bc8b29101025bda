"""How widely values spread: deviation, bands, returns and their volatility."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.errors import StrategyError
from trader_cli.model.bars import Floats, Ints
from trader_cli.strategy.arrays import column, earlier, ratio, same_length, whole
from trader_cli.strategy.indicators.averages import sma
from trader_cli.strategy.sharing import shared

_YEAR_MS = 365.25 * 86_400_000.0


class Bands(NamedTuple):
    """A middle line with one band below and one above, each of shape (n,)."""

    lower: Floats
    middle: Floats
    upper: Floats


@shared
def std(values: npt.ArrayLike, period: int, ddof: int = 0) -> Floats:
    """Return the standard deviation of the last `period` values around their own mean, shape (n,), >= 0.

    ddof: 0 divides by period (as Bollinger and TA-Lib), 1 by period - 1. NaN in the first period - 1 rows and
    wherever the window holds one. Exactly 0 for a window of equal values. Source of the pairwise update:
    Chan, Golub and LeVeque (1983), "Algorithms for Computing the Sample Variance".
    """
    n = whole(period)
    if not 0 <= ddof < n:
        raise StrategyError(f"ddof is {ddof}, it must be from 0 to below the period {n}")
    out = _squares(column(values), n)
    out /= n - ddof
    return np.sqrt(out, out=out)


@shared
def zscore(values: npt.ArrayLike, period: int) -> Floats:
    """Return how many standard deviations the newest value lies above its mean over `period` bars (itself
    among them).

    NaN in the first period - 1 rows and where the deviation is 0.
    """
    series = column(values)
    return ratio(series - sma(series, period), std(series, period))


@shared
def bollinger(close: npt.ArrayLike, period: int = 20, width: float = 2.0) -> Bands:
    """Return the mean and `width` standard deviations (ddof 0) below and above it.

    Source: Bollinger (2001), "Bollinger on Bollinger Bands".
    """
    series = column(close)
    middle = sma(series, period)
    reach = std(series, period) * width
    return Bands(middle - reach, middle, middle + reach)


@shared
def returns(values: npt.ArrayLike, period: int = 1) -> Floats:
    """Return the simple return over `period` bars as a fraction: value / value `period` bars ago - 1.

    NaN in the first `period` rows and where the older value is 0.
    """
    series = column(values)
    out = ratio(series, earlier(series, whole(period)))
    out -= 1.0
    return out


@shared
def realised_volatility(close: npt.ArrayLike, open_ms: Ints, period: int) -> Floats:
    """Return the volatility a year of the last `period` returns, as a fraction (0.6 = 60 % a year), shape
    (n,).

    The square root of the sum of squared returns over the time they took, so that the calendar of the series
    itself annualises: 24 hours of crypto, exchange days of a stock, gaps as they are. open_ms: int64 (n,), ms
    UTC. NaN in the first `period` rows. Source: Andersen and Bollerslev (1998), "Answering the Skeptics",
    International Economic Review 39(4).
    """
    series = column(close)
    stamps = column(open_ms)
    n = whole(period)
    same_length(series, stamps)
    moves = returns(series)
    moved = sma(moves * moves, n) * n
    years = (stamps - earlier(stamps, n)) / _YEAR_MS
    return np.sqrt(ratio(moved, years))


@njit
def _squares(values: Floats, period: int) -> Floats:
    # The sum of squared deviations of each window, from the tail of the block before and the head of this one. Within
    # a block, values are taken relative to one of its own: squares of whole prices would cancel to noise.
    n = len(values)
    out = np.empty(n)
    tail = np.zeros((period + 1, 2))
    next_tail = np.zeros((period + 1, 2))
    base = 0.0
    base_before = 0.0
    last = np.nan
    equal = 0
    for start in range(0, n, period):
        size = min(period, n - start)
        if not np.isnan(values[start]):
            base = values[start]
        step = base_before - base
        head = 0.0
        head_squares = 0.0
        back = 0.0
        back_squares = 0.0
        for k in range(size):
            value = values[start + k]
            ahead = value - base
            head += ahead
            head_squares += ahead * ahead
            behind = values[start + size - 1 - k] - base
            back += behind
            back_squares += behind * behind
            next_tail[size - 1 - k, 0] = back
            next_tail[size - 1 - k, 1] = back_squares
            equal = equal + 1 if value == last else 1
            last = value
            # The tail was measured from the base before; moved to this base: sum of (d + step) and of (d + step)^2.
            rest = (period - 1 - k) * step
            total = head + tail[k + 1, 0] + rest
            squares = head_squares + tail[k + 1, 1] + (2.0 * tail[k + 1, 0] + rest) * step
            squares -= total * total / period
            out[start + k] = 0.0 if equal >= period or squares < 0.0 else squares
        tail, next_tail = next_tail, tail
        base_before = base
    out[: period - 1] = np.nan
    return out
