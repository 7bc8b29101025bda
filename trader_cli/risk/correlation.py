"""How closely two symbols move together, for the correlation cap: two positions that fall together are one."""

from __future__ import annotations

from math import sqrt
from typing import Any

from trader_cli.compiler import inlined
from trader_cli.risk.returns import first_bar, has_return, varies

_LEAST_PAIRS = 3  # two points always lie on a line


@inlined
def gaps_in(returns: Any, first: int, end: int, a: int, b: int) -> int:
    """Return at how many bars of [first, end) one of the rows has no return."""
    gaps = 0
    for t in range(first, end):
        gaps += 0 if has_return(returns, t, a) and has_return(returns, t, b) else 1
    return gaps


@inlined
def whole_sums(returns: Any, first: int, end: int, a: int, b: int, mean_a: float, mean_b: float) -> Any:
    """Return the sums of both rows' deviations, of their squares and of their products over a window without a gap.

    The halves of the window are summed side by side: an addition that waits for the one before it is slow.
    """
    half = (end - first) // 2
    sum_a = sum_b = squares_a = squares_b = products = 0.0
    late_a = late_b = late_aa = late_bb = late_ab = 0.0
    for t in range(first, first + half):
        off_a = returns[a, t] - mean_a
        off_b = returns[b, t] - mean_b
        sum_a += off_a
        sum_b += off_b
        squares_a += off_a * off_a
        squares_b += off_b * off_b
        products += off_a * off_b
        off_a = returns[a, t + half] - mean_a
        off_b = returns[b, t + half] - mean_b
        late_a += off_a
        late_b += off_b
        late_aa += off_a * off_a
        late_bb += off_b * off_b
        late_ab += off_a * off_b
    if first + 2 * half < end:
        off_a = returns[a, end - 1] - mean_a
        off_b = returns[b, end - 1] - mean_b
        late_a += off_a
        late_b += off_b
        late_aa += off_a * off_a
        late_bb += off_b * off_b
        late_ab += off_a * off_b
    return sum_a + late_a, sum_b + late_b, squares_a + late_aa, squares_b + late_bb, products + late_ab


@inlined
def gappy_sums(returns: Any, first: int, end: int, a: int, b: int, mean_a: float, mean_b: float) -> Any:
    """Return the same sums over the bars at which both rows have a return."""
    sum_a = sum_b = squares_a = squares_b = products = 0.0
    for t in range(first, end):
        if has_return(returns, t, a) and has_return(returns, t, b):
            off_a = returns[a, t] - mean_a
            off_b = returns[b, t] - mean_b
            sum_a += off_a
            sum_b += off_b
            squares_a += off_a * off_a
            squares_b += off_b * off_b
            products += off_a * off_b
    return sum_a, sum_b, squares_a, squares_b, products


@inlined
def correlation(returns: Any, bar: int, window: int, a: int, b: int) -> float:
    """Return Pearson's correlation of the bar returns of rows a and b over (bar - window, bar], in [-1, 1].

    returns: (R, T) float64, of `bar_returns`. A bar counts where both rows have a return. 0.0 for fewer than 3 such bars
    and where a row does not vary by more than rounding. Two passes: means, then products of deviations: nothing cancels.
    Source: Pearson (1895); Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance".
    """
    first = first_bar(bar, window)
    end = max(bar + 1, first)
    gaps = gaps_in(returns, first, end, a, b)
    n = end - first - gaps
    if n < _LEAST_PAIRS:
        return 0.0
    if gaps == 0:
        sum_a, sum_b, _, _, _ = whole_sums(returns, first, end, a, b, 0.0, 0.0)
        mean_a = sum_a / n
        mean_b = sum_b / n
        _, _, squares_a, squares_b, products = whole_sums(returns, first, end, a, b, mean_a, mean_b)
    else:
        sum_a, sum_b, _, _, _ = gappy_sums(returns, first, end, a, b, 0.0, 0.0)
        mean_a = sum_a / n
        mean_b = sum_b / n
        _, _, squares_a, squares_b, products = gappy_sums(returns, first, end, a, b, mean_a, mean_b)
    if not (varies(squares_a, n, mean_a) and varies(squares_b, n, mean_b)):
        return 0.0
    value = products / (sqrt(squares_a) * sqrt(squares_b))
    if value > 1.0:
        return 1.0
    if value < -1.0:
        return -1.0
    return value
