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


def sma(values: npt.ArrayLike, period: int) -> Floats:
    """Return the simple mean of the last `period` values, shape (n,); NaN in the first period - 1 rows.

    NaN wherever the window holds one. A window of equal values gives exactly that value, so that averages of
    a price that stands still never seem to cross.
    """
    return _sma(column(values), whole(period))


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
