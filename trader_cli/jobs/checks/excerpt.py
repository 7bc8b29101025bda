"""A part of the bars that is long enough to try a law on, and short enough to try it often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from trader_cli.jobs.lab import Lab
from trader_cli.jobs.plan import Chosen
from trader_cli.model.bars import Bars, Ints
from trader_cli.strategy.base import Strategy, compute

# Of `warm_up_bars`: so long is a series that is tried whole, and the history before a window that is replayed.
LENGTHS = 10


def strategies(lab: Lab) -> Iterator[Chosen]:
    """Yield the strategies of a request, each once."""
    seen: dict[str, Chosen] = {one.name: one for wallet in lab.request.wallets for one in wallet.strategies}
    yield from seen.values()


def excerpt(bars: Bars, strategy: Strategy, limits: Mapping[str, Any], seed: int) -> Bars:
    """Return the bars whole, or where there are many a part at a place chosen by `seed`.

    The part is doubled until the strategy changes its mind in it: one that needs a year before it says anything would keep
    every law on a month. Raises StrategyError.
    """
    length = int(limits["warm_up_bars"]) * LENGTHS
    while length < len(bars):
        first = int(np.random.default_rng(seed).integers(0, len(bars) - length + 1))
        part = bars[first : first + length]
        target = compute(strategy, part).target
        sound = target[~np.isnan(target)]
        if len(sound) and (sound != sound[0]).any():
            return part
        length *= 2
    return bars


def busiest(times: Ints, open_ms: Ints, rows: int) -> tuple[int, int]:
    """Return rows [first, last) of the grid, `rows` of them or all, in which most of these times lie; the latest such.

    times: ms UTC, rising, of fills. open_ms: the grid, rising.
    """
    count = len(open_ms)
    if rows >= count:
        return 0, count
    if len(times) == 0:
        return count - rows, count
    at = np.searchsorted(open_ms, times, side="right") - 1
    within = np.searchsorted(at, at + rows, side="left") - np.arange(len(at))
    best = len(within) - 1 - int(within[::-1].argmax())
    # A bar before the first fill: the wish it follows is spoken there.
    first = min(max(int(at[best]) - 1, 0), count - rows)
    return first, first + rows


def part(lab: Lab, first: int, last: int) -> Lab:
    """Return the lab on rows [first, last) of its grid only."""
    since, until = int(lab.open_ms[first]), int(lab.open_ms[last - 1]) + 1
    return lab.on([one.between(since, until) for one in lab.series])
