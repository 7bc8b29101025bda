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

_BLOCKS = 4
_STARTS = 40


@dataclass(frozen=True)
class History:
    """What a strategy needs on one series.

    needed: bars before a bar that decide what is said of it, None = more than `most`. most: the longest history tried.
    stored: bars of the series. starts: how many beginnings were tried, of those that held something before `needed` bars were
    there. wrong: of those, where the first holding was none that more history would have called for. bar: the first bar of
    such a holding, counted from its beginning; None = none was.
    """

    needed: int | None
    most: int
    stored: int
    starts: int
    wrong: int
    bar: int | None


def history_needed(strategy: Strategy, bars: Bars, tick: float, rows: int, seed: int = 0) -> History:
    """Return how much history the signals need, on blocks of `rows` bars in the newer half of the series.

    tick: of prices, quote. The shortest history of which all longer ones that were tried decide alike; half of the series
    is the longest. Raises StrategyError where the strategy fails on the bars as they are.
    """
    origin = Origin(strategy)
    stored = len(bars)
    most = stored // 2
    whole = compute(origin.strategy(), bars)
    width = max(1, min(rows, (stored - most) // 2))
    rng = np.random.default_rng(seed)
    latest = max(most, stored - width)
    begins = sorted({latest, *(int(one) for one in rng.integers(most, latest + 1, _BLOCKS - 1))})

    def enough(history: int) -> bool:
        return all(_alike(origin, bars, whole, begin, width, history, tick) for begin in begins)

    needed = _shortest(most, enough)
    starts, wrong, bar = (0, 0, None) if needed is None else _begun(origin, bars, whole, needed, rng)
    return History(needed, most, stored, starts, wrong, bar)


def _alike(origin: Origin, bars: Bars, whole: Signals, begin: int, width: int, history: int, tick: float) -> bool:
    end = min(begin + width, len(bars))
    try:
        said = compute(origin.strategy(), bars[begin - history : end])
    except StrategyError:
        return False
    return decides_alike(_rows(whole, begin, end), _rows(said, history, history + end - begin), tick)


def _rows(signals: Signals, first: int, last: int) -> Signals:
    return Signals(**{name: value[first:last] for name, value in vars(signals).items() if value is not None})


def _shortest(most: int, enough: Callable[[int], bool]) -> int | None:
    """Return the shortest history from which on all are enough: steps of a half, then the gap halved."""
    if not enough(most):
        return None
    good, bad = most, -1
    while good > 0:
        shorter = good * 2 // 3
        if not enough(shorter):
            bad = shorter
            break
        good = shorter
    while good - bad > 1:
        middle = (good + bad) // 2
        if enough(middle):
            good = middle
        else:
            bad = middle
    return good


def _begun(
    origin: Origin, bars: Bars, whole: Signals, needed: int, rng: np.random.Generator
) -> tuple[int, int, int | None]:
    """Begin at many bars, and compare the first holding of each with what the whole history says there."""
    first, last = needed, len(bars) - needed - 1
    if needed < 2 or last <= first:
        return 0, 0, None
    opinions = carried(whole.target)
    count = wrong = 0
    bar = None
    for begin in sorted({int(one) for one in rng.integers(first, last, _STARTS)}):
        try:
            said = compute(origin.strategy(), bars[begin : begin + needed])
        except StrategyError:
            continue
        target = np.asarray(said.target, np.float64)
        held = ~np.isnan(target) & (target != 0.0)
        if not held.any():
            continue
        row = int(held.argmax())
        count += 1
        opinion = opinions[begin + row]
        if not np.isnan(opinion) and np.sign(opinion) != np.sign(target[row]):
            wrong += 1
            bar = row if bar is None else min(bar, row)
    return count, wrong, bar
