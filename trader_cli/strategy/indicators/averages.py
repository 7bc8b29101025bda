"""Moving averages.

Windowed sums are built from blocks of the window's length: the tail of the one block and the head of the next
make up any window (van Herk 1992, Gil and Werman 1993, who did it for maxima). Each value is then a sum of
exactly `period` numbers: nothing drifts however long the series, and a NaN is forgotten once it has left the
window.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.model.bars import Floats
from trader_cli.strategy.arrays import column, whole
from trader_cli.strategy.sharing import shared


@shared
def sma(values: npt.ArrayLike, period: int) -> Floats:
    """Return the simple mean of the last `period` values, shape (n,); NaN in the first period - 1 rows.

    NaN wherever the window holds one. A window of equal values gives exactly that value, so that averages of
    a price that stands still never seem to cross.
    """
    return _sma(column(values), whole(period))


@shared
def ema(values: npt.ArrayLike, period: int) -> Floats:
    """Return the exponential mean with alpha = 2 / (period + 1), shape (n,); NaN in the first period - 1
    rows.

    It starts from the simple mean of the first `period` values, as TA-Lib does. Leading NaN are skipped.
    """
    n = whole(period)
    series = column(values)
    return smooth(series, 2.0 / (n + 1.0), n, np.empty(len(series)))


@shared
def rma(values: npt.ArrayLike, period: int) -> Floats:
    """Return Wilder's mean, alpha = 1 / period, shape (n,); NaN in the first period - 1 rows.

    Source: Wilder (1978), "New Concepts in Technical Trading Systems". Starts like `ema`.
    """
    n = whole(period)
    series = column(values)
    return smooth(series, 1.0 / n, n, np.empty(len(series)))


@shared
def wma(values: npt.ArrayLike, period: int) -> Floats:
    """Return the mean with weights 1, 2, … period, the newest heaviest; NaN in the first period - 1 rows."""
    n = whole(period)
    weights = np.arange(1.0, n + 1.0) / (n * (n + 1.0) / 2.0)
    return _weighted(column(values), column(weights))


@shared
def slope(values: npt.ArrayLike, period: int) -> Floats:
    """Return the slope of the least-squares line through the last `period` values, in units per bar.

    NaN in the first period - 1 rows; a window of equal values may give a slope of rounding size.
    """
    n = whole(period, least=2)
    weights = (np.arange(n) - (n - 1.0) / 2.0) / (n * (n * n - 1.0) / 12.0)
    return _weighted(column(values), column(weights))


@njit
def _sma(values: Floats, period: int) -> Floats:
    n = len(values)
    out = np.empty(n)
    # tail[k] = sum of the block before from its row k on, tail[period] = 0; the head runs through this block.
    tail = np.zeros(period + 1)
    next_tail = np.zeros(period + 1)
    last = np.nan
    equal = 0
    for start in range(0, n, period):
        size = min(period, n - start)
        head = 0.0
        sum_back = 0.0
        # Forward and backward sums are independent chains: one loop costs hardly more than one of them.
        for k in range(size):
            value = values[start + k]
            head += value
            sum_back += values[start + size - 1 - k]
            next_tail[size - 1 - k] = sum_back
            equal = equal + 1 if value == last else 1
            last = value
            mean = (head + tail[k + 1]) / period
            out[start + k] = value if equal >= period else mean
        tail, next_tail = next_tail, tail
    out[: period - 1] = np.nan
    return out


@njit
def smooth(values: Floats, alpha: float, period: int, out: Floats) -> Floats:
    """Write the recursive mean of the values into `out`, which may be the same memory, and return it.

    It starts with the simple mean of the first `period` values that are not NaN.
    """
    keep = 1.0 - alpha
    state = 0.0
    seen = 0
    for i in range(len(values)):
        value = values[i]
        out[i] = np.nan
        if np.isnan(value):
            continue
        if seen < period:
            seen += 1
            state += value
            if seen < period:
                continue
            state /= period
        else:
            state = state * keep + value * alpha
        out[i] = state
    return out


@njit
def _weighted(values: Floats, weights: Floats) -> Floats:
    # Directly, window by window: a recursive form would be faster and drift.
    n = len(values)
    period = len(weights)
    out = np.full(n, np.nan)
    for i in range(period - 1, n):
        total = 0.0
        for k in range(period):
            total += weights[k] * values[i - period + 1 + k]
        out[i] = total
    return out
