"""Performance-weighted shares of the account: more to what has earned more, within a floor and a cap for everyone."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div

_SCORE_MAX = 10 * ONE  # +900 % on all that was ever bought; above it more would say nothing and could overflow
_FINE = 32  # parts of a 1e-8 in which the level is sought: level * score stays below 2**62 * ONE


@inlined
def score_of(bought: int, result: int, trips: int, least_trips: int) -> int:
    """Return max(0, 1 + result / bought) in 1e-8, at most 10; 1 where there are too few trips to tell.

    A total loss scores the smallest unit and not 0, so that rows without success still have a proportion to each other.
    """
    if trips < least_trips or bought <= 0:
        return ONE
    kept = int(bought) + int(result)
    if kept <= 0:
        return 1
    if kept // int(bought) >= _SCORE_MAX // ONE:
        return _SCORE_MAX
    return max(1, mul_div(kept, ONE, bought))


@inlined
def fine_share(score: int, level: int, top: int, floor: int, cap: int) -> int:
    """Return floor(score * level / top) held between floor and cap, all in parts of 1e-8."""
    return min(max(mul_div(score, level, top), floor * _FINE), cap * _FINE)


@inlined
def performance_weights(
    bought: Any, result: Any, trips: Any, count: int, least_trips: int, floor: int, cap: int, out: Any
) -> None:
    """Fill out[0:count] with shares in 1e-8, each in [floor, cap], that sum to exactly 100_000_000.

    bought, result, trips: (count,) int64 per row: what its closed trips bought and what they earned, 1e-8 quote, and their
    number. Shares are proportional to `score_of` where neither floor nor cap holds. Where count * floor <= 1 <= count * cap
    does not hold, shares are equal.

    Water-filling: the shares are score * level / top, held between floor and cap, at the one level at which they sum to 1.
    The sum rises with the level, so the level is found by bisection over whole numbers: no order of fixing rows, no
    float. Steps are 1/32 of 1e-8; the parts that remain go to the first rows that the next level would raise. The
    result is rounded to 1e-8 by differences of the rounded running sum, which moves no share across a whole unit and so across
    neither floor nor cap. A share is within 1 + count / 32 units of the exact one.
    Source: Bitran and Hax (1981), "Disaggregation and resource allocation using convex knapsack problems with bounded
    variables", for the bounded problem; the bisection is Patriksson (2008), "A survey on the continuous nonlinear
    resource allocation problem".
    """
    if count * floor > ONE or count * cap < ONE:
        for i in range(count):
            out[i] = (i + 1) * ONE // count - i * ONE // count
        return
    cap = min(cap, ONE)
    top = 1
    for i in range(count):
        score = score_of(bought[i], result[i], trips[i], least_trips)
        out[i] = score
        top = max(top, score)
    low = 0
    high = cap * _FINE * top  # every row is at its cap
    while low < high:
        middle = low + (high - low + 1) // 2
        total = 0
        for i in range(count):
            total += fine_share(out[i], middle, top, floor, cap)
        if total <= ONE * _FINE:
            low = middle
        else:
            high = middle - 1
    rest = ONE * _FINE
    for i in range(count):
        rest -= fine_share(out[i], low, top, floor, cap)
    running = 0
    for i in range(count):
        part = fine_share(out[i], low, top, floor, cap)
        if rest > 0 and fine_share(out[i], low + 1, top, floor, cap) > part:
            part += 1
            rest -= 1
        before = (running + _FINE // 2) // _FINE
        running += part
        out[i] = (running + _FINE // 2) // _FINE - before
