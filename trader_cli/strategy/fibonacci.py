"""Swing points by fractals, and the Fibonacci levels of the last up-swing as stops and targets.

Everything here is known at the close it stands at: a swing counts from the bar that confirms it, not from the one it
happened at. Levels follow from the swings and the bars alone, so that swings kept elsewhere give the same bits.

The ratios are mathematics, not settings. With phi = (1 + sqrt 5) / 2: 0.618 = 1/phi, 0.382 = 1/phi^2, 0.236 = 1/phi^3,
1.618 = phi, 0.786 and 1.272 are the square roots of 0.618 and 1.618; 0.5 is Dow's half. All rounded as the trade writes
them. Sources: Fischer (1993), "Fibonacci Applications and Strategies for Traders"; for the roots Pesavento (1997),
"Fibonacci Ratios with Pattern Recognition".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from trader_cli.compiler import njit
from trader_cli.errors import DataError, StrategyError
from trader_cli.model.bars import Bars, Floats, Ints
from trader_cli.strategy.arrays import column, same_length, whole
from trader_cli.strategy.indicators.ranges import atr
from trader_cli.strategy.signals import Signals

# Of the swing's height, down from its high.
RETRACEMENTS = (0.236, 0.382, 0.5, 0.618, 0.786)
# Of the swing's height, up from its low.
EXTENSIONS = (1.272, 1.618)
HIGH, LOW = 1, -1


@dataclass(frozen=True, eq=False)
class Swings:
    """Confirmed turning points, one an element, in the order in which they became known; every array has shape (m,).

    bar: int64, row of the bar it happened at. known: int64, row of the bar at whose close it was confirmed. price:
    float64, the high or low of `bar`, in quote per base. kind: int64, +1 a swing high, -1 a swing low.
    """

    bar: Ints
    known: Ints
    price: Floats
    kind: Ints

    def __len__(self) -> int:
        return len(self.bar)


@dataclass(frozen=True, eq=False)
class FibLevels:
    """One row a bar, each known at that bar's close, in quote per base; every array has shape (n,).

    stop, take: below and above the close, NaN = none. low, high: ends of the up-swing they come from, NaN before the
    first. close: the closes they were measured from.
    """

    stop: Floats
    take: Floats
    low: Floats
    high: Floats
    close: Floats


def swings(high: npt.ArrayLike, low: npt.ArrayLike, wing: int) -> Swings:
    """Return the highs above the highs of `wing` bars on each side and the lows below the lows, once confirmed.

    Neighbours of the same high are one top, at the first of them: `wing` lower highs come before the first and after
    the last. So a swing is known `wing` bars after its last bar, and a market that stands still has not turned. Equal
    highs with a lower one between them, nearer than `wing`, are no top. No swing touches a NaN.
    Raises StrategyError for a wing that is not a whole number from 1 up.
    Source: Williams (1995), "Trading Chaos", the fractal of five bars (wing = 2).
    """
    reach = whole(wing)
    highs, lows = column(high), column(low)
    same_length(highs, lows)
    tops, tops_known = _turns(highs, reach, 1.0)
    bottoms, bottoms_known = _turns(lows, reach, -1.0)
    return _in_order(
        Swings(
            bar=np.concatenate((tops, bottoms)),
            known=np.concatenate((tops_known, bottoms_known)),
            price=np.concatenate((highs[tops], lows[bottoms])),
            kind=np.concatenate((np.full(len(tops), HIGH), np.full(len(bottoms), LOW))),
        )
    )


def levels(bars: Bars, swings: Swings, wing: int, atr_period: int, atr_multiple: float) -> FibLevels:
    """Return stop and target of the last confirmed up-swing at each bar, shapes (n,).

    The up-swing goes from the lowest swing low since the up-swing before to the highest swing high after it, both
    confirmed. Its rungs are its two ends and the ratios between and above them. stop: the highest rung from its low to
    its high that is below the close, minus `atr_multiple` average true ranges of `atr_period` bars; NaN while the range
    warms up and where nothing above 0 is left. take: the lowest rung above the close, extensions among them; NaN above
    the last. A close at or below the low has broken the swing: neither, until it is above it again or the next one.
    swings: of these bars with this `wing`, fresh or kept, in any order; those known after the last bar are left out.
    Raises DataError where they do not belong to these bars, StrategyError for numbers that cannot be meant.
    """
    reach = whole(wing)
    if not 0.0 <= atr_multiple < np.inf:
        raise StrategyError(f"`atr_multiple` is {atr_multiple}, it must be a number from 0 up")
    known = _known(bars, swings, reach)
    ranges = atr(bars.high, bars.low, bars.close, atr_period)
    close = column(bars.close)
    low, high = _legs(len(bars), known.bar, known.known, known.price, known.kind)
    stop, take = _rungs(close, column(ranges), low, high, float(atr_multiple))
    return FibLevels(stop, take, low, high, close)


def protect(signals: Signals, levels: FibLevels) -> Signals:
    """Return the signals with these levels where the strategy states no stop or no target of its own.

    While the target is above 0, and until the strategy states one itself: from then on its own stands until it lets
    go, also in rows where it is silent. A stop from here only rises and a target stays, as the nearest rungs would
    otherwise fall with the price; a close beyond one begins anew. Nothing of the strategy's own is ever changed.
    Raises StrategyError where signals and levels differ in length.
    """
    target = column(signals.target)
    none = column(np.full(len(target), np.nan))
    own_stop = none if signals.stop is None else column(signals.stop)
    own_take = none if signals.take is None else column(signals.take)
    same_length(target, levels.close, levels.stop, levels.take, own_stop, own_take)
    return replace(
        signals,
        stop=_filled(target, own_stop, column(levels.stop), levels.close, rises=True),
        take=_filled(target, own_take, column(levels.take), levels.close, rises=False),
    )


def _in_order(swings: Swings) -> Swings:
    # A bar that is both goes as a high first: its low cannot begin a swing that ends in the same bar.
    order = np.lexsort((-swings.kind, swings.bar, swings.known))
    return Swings(swings.bar[order], swings.known[order], swings.price[order], swings.kind[order])


def _known(bars: Bars, swings: Swings, wing: int) -> Swings:
    seen = swings.known < len(bars)
    known = _in_order(Swings(swings.bar[seen], swings.known[seen], swings.price[seen], swings.kind[seen]))
    early = (known.bar < wing) | (known.known < known.bar + wing)
    if early.any():
        row = int(early.argmax())
        raise DataError(
            f"`{bars.symbol}`: the swing at bar {known.bar[row]}, known at {known.known[row]}, "
            f"was not found with {wing} bars on each side",
            "find the swings again from these bars",
        )
    there = np.where(known.kind == HIGH, bars.high[known.bar], bars.low[known.bar])
    differ = known.price != there
    if differ.any():
        row = int(differ.argmax())
        raise DataError(
            f"`{bars.symbol}`: the swing at bar {known.bar[row]} is at {known.price[row]}, the bar says {there[row]}",
            "find the swings again from these bars",
        )
    return known


@njit
def _turns(values: Floats, wing: int, sign: float) -> tuple[Ints, Ints]:
    # sign -1 finds the lows: multiplying by it is exact.
    n = len(values)
    bar = np.empty(n // (wing + 1) + 1, dtype=np.int64)
    known = np.empty(n // (wing + 1) + 1, dtype=np.int64)
    found = 0
    last = 0
    for first in range(wing, n):
        if first < last:
            continue
        value = sign * values[first]
        last = first + 1
        while last < n and sign * values[last] == value:
            last += 1
        # `last` is now the first bar after the neighbours of the same value.
        if last + wing > n:
            continue
        turned = True
        for k in range(wing):
            if not (sign * values[first - 1 - k] < value and sign * values[last + k] < value):
                turned = False
                break
        if turned:
            bar[found] = first
            known[found] = last + wing - 1
            found += 1
    return bar[:found].copy(), known[:found].copy()


@njit
def _legs(n: int, bar: Ints, known: Ints, price: Floats, kind: Ints) -> tuple[Floats, Floats]:
    low = np.empty(n)
    high = np.empty(n)
    leg_low = np.nan
    leg_high = np.nan
    start = np.nan
    start_bar = -1
    joined = True
    k = 0
    for i in range(n):
        while k < len(bar) and known[k] == i:
            if kind[k] < 0:
                if joined or price[k] < start:
                    start = price[k]
                    start_bar = bar[k]
                    joined = False
            elif start_bar >= 0 and bar[k] > start_bar and price[k] > start:
                if not joined:
                    leg_low = start
                    leg_high = price[k]
                    joined = True
                elif price[k] > leg_high:
                    leg_high = price[k]
            k += 1
        low[i] = leg_low
        high[i] = leg_high
    return low, high


@njit
def _rungs(close: Floats, ranges: Floats, low: Floats, high: Floats, multiple: float) -> tuple[Floats, Floats]:
    n = len(close)
    stop = np.full(n, np.nan)
    take = np.full(n, np.nan)
    for i in range(n):
        price = close[i]
        if not price > low[i]:
            continue
        height = high[i] - low[i]
        below = low[i]
        above = np.nan
        if high[i] > price:
            above = high[i]
        else:
            for ratio in EXTENSIONS:
                rung = low[i] + ratio * height
                if rung > price:
                    above = rung
                    break
        for ratio in RETRACEMENTS:
            rung = high[i] - ratio * height
            if rung < price:
                below = max(below, rung)
            if rung > price:
                above = min(above, rung)
        if high[i] < price:
            below = high[i]
        level = below - multiple * ranges[i]
        if level > 0.0:
            stop[i] = level
        take[i] = above
    return stop, take


@njit
def _filled(target: Floats, own: Floats, level: Floats, close: Floats, rises: bool) -> Floats:
    out = own.copy()
    inside = False
    spoken = False
    standing = np.nan
    for i in range(len(target)):
        if target[i] > 0.0:
            if not inside:
                inside = True
                spoken = False
                standing = np.nan
        elif target[i] <= 0.0:
            inside = False
        if not inside:
            continue
        if not np.isnan(own[i]):
            spoken = True
        if spoken:
            continue
        passed = close[i] <= standing if rises else close[i] >= standing
        if np.isnan(standing) or passed or (rises and level[i] > standing):
            standing = level[i]
        out[i] = standing
    return out
