"""The bar return that VaR, correlation and risk parity are made of: one definition, so that they can never disagree.

Simple returns of one bar, close to close. Closes are carried forward where a symbol has no bar, which is a return of 0.0,
and are NaN before its first bar, which is no return.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import inlined, njit
from trader_cli.model.bars import Floats

# What rounding alone can add to a return: the closes and their quotient are each right to 2**-53 of the quotient, and
# steady growth that was stored as prices comes back this rough. Variation below it is not variation.
_ROUNDING = 1e-15
# Every bar's number has these bits. An index cut to them cannot be negative, so that the compiler need not ask for each
# element whether it counts from the end, and adds up four at once.
_BITS = (1 << 62) - 1


@njit
def bar_returns(closes: Floats) -> Floats:
    """Return close[t] / close[t-1] - 1 of every row, float64 (R, T) for closes (T, R): a row's window lies together.

    NaN is no return: at bar 0, where a close is NaN, and after one that is not above 0.
    """
    bars, rows = closes.shape
    returns = np.full((rows, bars), np.nan)
    for t in range(1, bars):
        for r in range(rows):
            before = closes[t - 1, r]
            now = closes[t, r]
            if before > 0.0 and now >= 0.0:
                returns[r, t] = now / before - 1.0
    return returns


@inlined
def first_bar(bar: int, window: int) -> int:
    """Return the first bar of (bar - window, bar] that has a bar before it, as a return needs."""
    return max(1, bar - window + 1)


@inlined
def has_return(returns: Any, t: int, r: int) -> bool:
    """Tell whether row r has a return at bar t."""
    value = returns[r, t & _BITS]
    return not np.isnan(value)


@inlined
def bar_return(returns: Any, t: int, r: int) -> float:
    """Return the return of row r at bar t, a fraction; 0.0 where there is none."""
    value = returns[r, t & _BITS]
    return 0.0 if np.isnan(value) else value


@inlined
def varies(squares: float, n: int, mean: float) -> bool:
    """Tell whether n returns with this mean and sum of squared deviations differ by more than rounding."""
    noise = _ROUNDING * (1.0 + abs(mean))
    return squares > n * noise * noise
