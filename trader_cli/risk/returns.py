"""The bar return that VaR, correlation and risk parity are made of: one definition, so that they can never disagree.

Simple returns of one bar, close to close. Closes are carried forward where a symbol has no bar, which is a return of 0.0,
and are NaN before its first bar, which is no return.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined

CLOSE = 3
"""The plane of closes in the engine's prices (4, T, R)."""
# What rounding alone can add to a return: the closes and their quotient are each right to 2**-53 of the quotient, and
# steady growth that was stored as prices comes back this rough. Variation below it is not variation.
_ROUNDING = 1e-15


@inlined
def first_bar(bar: int, window: int) -> int:
    """Return the first bar of (bar - window, bar] that has a bar before it, as a return needs."""
    return max(1, bar - window + 1)


@inlined
def has_return(prices: Any, t: int, r: int) -> bool:
    """Tell whether row r has a close at bar t and a positive one at t - 1; NaN is none."""
    return prices[CLOSE, t - 1, r] > 0.0 and prices[CLOSE, t, r] >= 0.0


@inlined
def bar_return(prices: Any, t: int, r: int) -> float:
    """Return close[t] / close[t-1] - 1 of row r, a fraction; 0.0 where there is no return."""
    before = prices[CLOSE, t - 1, r]
    now = prices[CLOSE, t, r]
    if before > 0.0 and now >= 0.0:
        return now / before - 1.0
    return 0.0


@inlined
def varies(squares: float, n: int, mean: float) -> bool:
    """Tell whether n returns with this mean and sum of squared deviations differ by more than rounding."""
    noise = _ROUNDING * (1.0 + abs(mean))
    return squares > n * noise * noise
