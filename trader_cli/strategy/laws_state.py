"""The same bars, the same answer: asked again, in another order, after other questions, with other random numbers.

A strategy is asked in every run anew, by processes that know nothing of each other. One that keeps something between two
questions, draws random numbers without a seed or reads the clock trades otherwise in a backtest than on the exchange.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.laws_compare import unlike, value_at
from trader_cli.strategy.laws_finding import Finding, Touch, time_of
from trader_cli.strategy.laws_fresh import Origin, own_copy
from trader_cli.strategy.laws_watch import clocks_in, watched
from trader_cli.strategy.signals import Signals

# What makes answers differ from run to run; what may hold the future is law 1's.
_KINDS = ("clock", "environment")


def check_repeats(strategy: Strategy, series: Sequence[Bars], seed: int = 0) -> list[Finding]:
    """Return where the strategy's signals depend on anything but the bars and its parameters, with the cause in words.

    series: of several symbols, one entry each; each is asked alone, again, after half of its bars, after the others in both
    orders, and with random numbers seeded otherwise. Raises StrategyError where the strategy fails on one of them alone.
    """
    series = [own_copy(bars) for bars in series if len(bars)]
    origin = Origin(strategy)
    touches: dict[Touch, None] = {}
    alone: list[Signals] = []
    findings: list[Finding] = []
    for bars in series:
        kept = own_copy(bars)
        said, seen = watched(lambda bars=bars: compute(origin.strategy(), bars))  # type: ignore[misc]
        touches.update(dict.fromkeys(seen))
        alone.append(said)
        findings += _written(kept, bars)
        _restore(kept, bars)
    tree = origin.tree
    if tree is not None and not any(one.kind == "clock" for one in touches):
        touches.update(dict.fromkeys(clocks_in(tree, origin.path)))
    differences = list(_asked(origin, series, alone, seed))
    draws = [one for one in touches if one.kind == "random"]
    findings += [_told(one, draws) for one in differences]
    findings += [
        Finding("watch", 0, 0, time_of(series[0], 0), "", problem=str(one), symbol=series[0].symbol, cause=str(one))
        for one in touches
        if one.kind in _KINDS
    ]
    return findings


def _told(finding: Finding, draws: Sequence[Touch]) -> Finding:
    if finding.test in ("again", "seed") and draws:
        return replace(finding, cause=f"it draws random numbers without a seed from {draws[0].what} ({draws[0].where})")
    return replace(finding, cause=_CAUSES[finding.test])


_CAUSES = {
    "again": "it gives two answers for the same bars: random numbers without a seed, or global state",
    "seed": "it gives two answers for the same bars: it draws from global random numbers",
    "before": "it keeps something from one question to the next, on itself, its class or its module",
    "order": "what it says of one symbol depends on which others were asked before: it keeps global state",
    "writes": "it writes into the bars, which everybody shares",
}


def _asked(origin: Origin, series: Sequence[Bars], alone: Sequence[Signals], seed: int) -> Iterator[Finding]:
    """Yield the first difference of each way of asking; one is enough to say it."""
    symbols = range(len(series))
    for s in symbols:
        yield from _first("again", origin.strategy, series, alone, [s], [])
    state = random.getstate(), np.random.get_state(legacy=False)
    try:
        for number in (seed, seed + 1):
            random.seed(number)
            np.random.seed(number % 2**32)
            for s in symbols:
                yield from _first("seed", origin.strategy, series, alone, [s], [])
    finally:
        random.setstate(state[0])
        np.random.set_state(state[1])
    for s in symbols:
        # One instance, then one class: what is kept lies on the one or on the other.
        parts = [series[s][: max(1, len(series[s]) // 2)], series[s]]
        one = origin.strategy()
        yield from _first("before", lambda one=one: one, series, alone, [s], parts)  # type: ignore[misc]
        yield from _first("before", origin.same(), series, alone, [s], parts)
    if len(series) > 1:
        for order in (list(symbols), list(reversed(symbols))):
            one = origin.strategy()
            yield from _first("order", lambda one=one: one, series, alone, order, [])  # type: ignore[misc]
            yield from _first("order", origin.same(), series, alone, order, [])


def _first(
    test: str,
    make: Callable[[], Strategy],
    series: Sequence[Bars],
    alone: Sequence[Signals],
    order: Sequence[int],
    before: Sequence[Bars],
) -> Iterator[Finding]:
    for bars in before:
        try:
            compute(make(), bars)
        except StrategyError:
            # That half of the bars are too few is no fault of this law.
            continue
    for s in order:
        bars = series[s]
        try:
            said = compute(make(), bars)
        except StrategyError as error:
            yield Finding(test, len(bars), 0, time_of(bars, 0), "", problem=error.message, symbol=bars.symbol)
            return
        for field, rows in unlike(alone[s], said, len(bars)):
            row = min(int(rows[0]), len(bars) - 1)
            expected, got = (value_at(getattr(one, field), row) for one in (alone[s], said))
            yield Finding(test, len(bars), row, time_of(bars, row), field, expected, got, symbol=bars.symbol)
            return


def _written(kept: Bars, bars: Bars) -> Iterator[Finding]:
    for name in ("open_ms", *COLUMNS):
        was, now = getattr(kept, name), getattr(bars, name)
        rows = np.flatnonzero(~((was == now) | ((was != was) & (now != now))))  # noqa: PLR0124 NaN equals NaN
        if len(rows):
            row = int(rows[0])
            yield Finding(
                "writes",
                len(bars),
                row,
                time_of(kept, row),
                name,
                float(was[row]),
                float(now[row]),
                symbol=bars.symbol,
                cause=_CAUSES["writes"],
            )
    for peer, other in zip(kept.peers, bars.peers, strict=True):
        yield from _written(peer, other)


def _restore(kept: Bars, bars: Bars) -> None:
    for name in ("open_ms", *COLUMNS):
        column = getattr(bars, name)
        column.flags.writeable = True
        column[:] = getattr(kept, name)
    for peer, other in zip(kept.peers, bars.peers, strict=True):
        _restore(peer, other)
