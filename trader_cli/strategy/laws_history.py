"""How much history a strategy's numbers need: how many bars before a bar decide what is said about it.

A window needs as many as it is long. What is recursive forgets exponentially: it needs as many until what is left of the
beginning cannot change a decision any more. What never forgets, as a mean of all bars, needs them all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.model.bars import Bars
from trader_cli.strategy.arrays import carried
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.laws_compare import decides_alike
from trader_cli.strategy.laws_fresh import Origin
from trader_cli.strategy.signals import Signals

# Places that are tried: only the first bars after each have no more history than is asked about.
_PLACES = 30
_STARTS = 40
# What waits for its window begins to speak in the order of the length it needs: a recursion of a period remembers up to
# ten of them. What speaks before a sixteenth of it, or at once, waits for nothing.
_SOON = 16
_AT_ONCE = 2


@dataclass(frozen=True)
class History:
    """What a strategy needs on one series.

    needed: bars before a bar that decide what is said of it, None = more than `most`. most: the longest history tried.
    stored: bars of the series. starts: how many of the beginnings that were tried held something almost at once. wrong: of
    those, where more history would not have called for it. bar: the first bar of such a holding, counted from its beginning;
    None = none was.
    """

    needed: int | None
    most: int
    stored: int
    starts: int
    wrong: int
    bar: int | None


def history_needed(strategy: Strategy, bars: Bars, tick: float, rows: int, seed: int = 0) -> History:
    """Return how much history the signals need, on `rows` bars at places all over the newer half of the series.

    tick: of prices, quote. The shortest history that decides alike, as the next longer ones do; half of the series is the
    longest. Raises StrategyError where the strategy fails on the bars as they are.
    """
    origin = Origin(strategy)
    most = len(bars) // 2
    whole = compute(origin.strategy(), bars)
    rng = np.random.default_rng(seed)
    width = max(1, min(rows // _PLACES, len(bars) - most))
    latest = len(bars) - width
    places = sorted({most, latest, *(int(one) for one in rng.integers(most, latest + 1, _PLACES))})

    def enough(history: int) -> bool:
        for i, place in enumerate(places):
            if not _alike(origin, bars, whole, place, width, history, tick):
                # Where this length was too short the next will be too, most likely.
                places.insert(0, places.pop(i))
                return False
        return True

    needed = _shortest(most, enough)
    starts, wrong, bar = (0, 0, None) if needed is None else _begun(origin, bars, needed, rng)
    return History(needed, most, len(bars), starts, wrong, bar)


def _alike(origin: Origin, bars: Bars, whole: Signals, place: int, width: int, history: int, tick: float) -> bool:
    end = min(place + width, len(bars))
    try:
        said = compute(origin.strategy(), bars[place - history : end])
    except StrategyError:
        return False
    return decides_alike(_rows(whole, place, end), _rows(said, history, history + end - place), tick)


def _rows(signals: Signals, first: int, last: int) -> Signals:
    return Signals(**{name: value[first:last] for name, value in vars(signals).items() if value is not None})


def _shortest(most: int, enough: Callable[[int], bool]) -> int | None:
    """Return the shortest history that is enough, as the next two longer ones that are tried; None = there is none."""
    lengths = [0, 1]
    while lengths[-1] < most:
        lengths.append(min(most, lengths[-1] * 3 // 2 + 1))
    lengths = [one for one in lengths if one <= most]
    found = last = len(lengths)
    for i in range(len(lengths)):
        if not enough(lengths[i]):
            found = last
        elif found == last:
            found = i
        elif i - found >= 2:
            break
    if found == last:
        return None
    good, bad = lengths[found], lengths[found - 1] if found else -1
    while good - bad > 1:
        middle = (good + bad) // 2
        if enough(middle):
            good = middle
        else:
            bad = middle
    return good


def _begun(origin: Origin, bars: Bars, needed: int, rng: np.random.Generator) -> tuple[int, int, int | None]:
    """Begin at many bars, and compare the first holding of each with what the history it needs would have said there."""
    soon = max(_AT_ONCE, needed // _SOON)
    first, last = needed, len(bars) - soon - 1
    if needed <= _AT_ONCE or last <= first:
        return 0, 0, None
    count = wrong = 0
    bar = None
    for begin in sorted({int(one) for one in rng.integers(first, last, _STARTS)}):
        end = begin + soon + 1
        try:
            said = compute(origin.strategy(), bars[begin:end])
            settled = compute(origin.strategy(), bars[begin - needed : end])
        except StrategyError:
            continue
        target = np.asarray(said.target, np.float64)
        held = ~np.isnan(target) & (target != 0.0)
        if not held.any():
            continue
        row = int(held.argmax())
        count += 1
        opinion = carried(settled.target)[needed + row]
        unlike = not np.isnan(opinion) and np.sign(opinion) != np.sign(target[row])
        if unlike and _stands(origin, bars[begin : end + needed], row, float(target[row])):
            wrong += 1
            bar = row if bar is None else min(bar, row)
    return count, wrong, bar


def _stands(origin: Origin, bars: Bars, row: int, said: float) -> bool:
    # What more of the future changes is law 1's, and says nothing about history.
    try:
        return float(compute(origin.strategy(), bars).target[row]) == said
    except StrategyError:
        return False
