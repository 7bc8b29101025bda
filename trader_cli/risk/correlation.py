"""How closely two symbols move together, for the correlation cap: two positions that fall together are one."""

from __future__ import annotations

from math import sqrt
from typing import Any

from trader_cli.compiler import inlined
from trader_cli.risk.returns import bar_return, first_bar, has_return, varies

_LEAST_PAIRS = 3  # two points always lie on a line


@inlined
def correlation(returns: Any, bar: int, window: int, a: int, b: int) -> float:
    """Return Pearson's correlation of the bar returns of rows a and b over (bar - window, bar], in [-1, 1].

    returns: (R, T) float64, of `bar_returns`.
    A bar counts where both rows have a return. 0.0 for fewer than 3 such bars and where a row
    does not vary by more than rounding. Two passes: means, then products of deviations, so that nothing cancels.
    Source: Pearson (1895); Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance".
    """
    first = first_bar(bar, window)
    n = 0
    mean_a = 0.0
    mean_b = 0.0
    for t in range(first, bar + 1):
        if has_return(returns, t, a) and has_return(returns, t, b):
            mean_a += bar_return(returns, t, a)
            mean_b += bar_return(returns, t, b)
            n += 1
    if n < _LEAST_PAIRS:
        return 0.0
    mean_a /= n
    mean_b /= n
    squares_a = 0.0
    squares_b = 0.0
    products = 0.0
    for t in range(first, bar + 1):
        if has_return(returns, t, a) and has_return(returns, t, b):
            off_a = bar_return(returns, t, a) - mean_a
            off_b = bar_return(returns, t, b) - mean_b
            squares_a += off_a * off_a
            squares_b += off_b * off_b
            products += off_a * off_b
    if not (varies(squares_a, n, mean_a) and varies(squares_b, n, mean_b)):
        return 0.0
    value = products / (sqrt(squares_a) * sqrt(squares_b))
    if value > 1.0:
        return 1.0
    if value < -1.0:
        return -1.0
    return value
