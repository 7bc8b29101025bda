"""A ladder of resting orders within a range: buy one step lower each time the price falls, sell it one step higher.

The lines lie one step apart, line j at `top - j * (top - bottom) / steps`; what was bought at line j is sold at line
j - 1. While nothing is held the ladder follows the range from close to close, and the first line below the close rests
as a buy. From the first purchase to the last sale the lines and the stop stay as they were when that order was placed.

What it believes is held is what the statements of the closes before made of each bar, a limit being filled when it is
touched. At most one order rests on each side, so that a bar moves the holding by one step at most; one that crosses
more lines is followed line by line, at the better price of the open. The worse comes first: a bar that touches both
sides buys and does not sell, and one that touches the stop loses all. That is also what the engine does: a sale that
keeps a part is not reached in a bar that added.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.model.bars import Bars, Floats
from trader_cli.strategy.arrays import column, flags, same_length, whole
from trader_cli.strategy.signals import Bools


class Ladder(NamedTuple):
    """What to state at each close, columns of `Signals`, each of shape (n,).

    target: steps held and the one resting, each 1 / steps; 0 outside the range. limit: price of the resting buy, take:
    of the resting sale, keep: the level that stays after it. stop: below the range. NaN where there is none.
    """

    target: Floats
    limit: Floats
    take: Floats
    keep: Floats
    stop: Floats


def ladder(
    bars: Bars, begin: npt.ArrayLike, bottom: npt.ArrayLike, top: npt.ArrayLike, stop: npt.ArrayLike, steps: int
) -> Ladder:
    """Return the orders of a ladder of `steps` lines between `bottom` and `top`, known at each close.

    begin: where a ladder may stand while nothing is held; it also needs a close above `bottom` (> 0) and not above
    `top`. bottom, top, stop: prices in quote, NaN = none. A close outside the lines while something is held, or a low
    at the stop, ends it at that close: what is left is sold, and a new one may stand from the next close on. Raises
    StrategyError below 1 step.
    """
    lower, upper, protection, allowed = column(bottom), column(top), column(stop), flags(begin)
    same_length(column(bars.close), lower, upper, protection, allowed)
    prices = (column(bars.high), column(bars.low), column(bars.close))
    return Ladder(*_ladder(*prices, allowed, lower, upper, protection, whole(steps)))


@njit
def _ladder(
    high: Floats, low: Floats, close: Floats, begin: Bools, bottom: Floats, top: Floats, stop: Floats, steps: int
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    n = len(close)
    target = np.zeros(n)
    limit, take, keep, protection = np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan)
    held = 0
    first = 1
    floor, ceiling, step, last_stop = np.nan, np.nan, np.nan, np.nan
    for i in range(n):
        # What rested when the bar opened is what was said at the close before.
        ended = False
        if i > 0:
            if low[i] <= limit[i - 1]:
                held += 1
            elif high[i] >= take[i - 1]:
                held -= 1
            resting = target[i - 1] > 0.0
            outside = held > 0 and (close[i] < floor or close[i] > ceiling)
            ended = resting and (low[i] <= last_stop or outside)
        if ended:
            held = 0
            continue
        if held == 0:
            if not (begin[i] and 0.0 < bottom[i] < close[i] <= top[i]):
                continue
            floor, ceiling, last_stop = bottom[i], top[i], stop[i]
            step = (ceiling - floor) / steps
            first = 1
            # A resting buy lies below the price; line `steps` is the bottom, which the close is above.
            while first < steps and ceiling - first * step >= close[i]:
                first += 1
        line = first + held
        target[i] = held / steps
        if line <= steps:
            target[i] = (held + 1.0) / steps
            # The bottom itself, not what rounding makes of it: a limit is a price above 0.
            limit[i] = floor if line == steps else ceiling - line * step
        if held > 0:
            take[i] = ceiling - (line - 2.0) * step
            keep[i] = (held - 1.0) / steps
        protection[i] = last_stop
    return target, limit, take, keep, protection
