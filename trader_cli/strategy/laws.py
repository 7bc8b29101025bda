"""Law 1, no look-ahead: what a strategy says about a bar may not change with what comes after it.

Two ways to find out, at many cuts. The prefix: only the bars before the cut. The poison: all bars, but those after the
cut replaced by NaN, by noise, by another series, by a surge or a crash, or come later. Both hold for every series the
strategy can see, its peers at other venues too: of them, what closed by the time of the cut is known. Whatever was said
before the cut must be the same to the last bit; NaN equals NaN. The prefix alone would miss a strategy that reads the end of
its input only where there is none; the poison alone one that looks at the length of its input.

Each question is asked of a class made anew from its source, on bars in arrays of their own: what was once shown the future
is neither remembered nor found behind a slice. And a strategy that opens a file, asks the network, starts a process or
searches memory reads what no cut can take away: it is watched once while it is loaded and while it runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.model.bars import Bars
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.laws_cause import Change, explain
from trader_cli.strategy.laws_compare import unlike
from trader_cli.strategy.laws_finding import Finding, Touch, time_of
from trader_cli.strategy.laws_fresh import Origin, own_copy
from trader_cli.strategy.laws_futures import futures, places
from trader_cli.strategy.laws_watch import watched
from trader_cli.strategy.signals import Signals

CUTS = 50
# What may hold the future; the clock and the like make answers differ, which another law forbids.
_SOURCES = ("file", "network", "process", "memory")


def check_lookahead(strategy: Strategy, bars: Bars, cuts: int = CUTS, seed: int = 0) -> list[Finding]:
    """Return where the strategy's signals depend on the future, the first row of each test, in order of time.

    cuts: how many places to cut at the least, chosen by `seed`, the earliest and the last always among them; all places
    where the series is shorter. Each finding of a future states the cause in words. An empty list means that nothing was
    found, not that nothing is there. Raises StrategyError where the strategy fails on the bars as they are.
    """
    origin = Origin(strategy)
    # Peers are cut to the span of the bars, as they are in every prefix.
    bars = own_copy(bars[:])
    (whole, touches) = watched(lambda: compute(origin.strategy(), bars))
    findings = [_touched(one, bars) for one in touches if one.kind in _SOURCES]
    again = list(_changes("again", len(bars), bars, whole, compute(origin.strategy(), bars)))
    changes, problems, tried = _asked(origin, bars, whole, cuts, seed)

    def changed(seen: Bars, cut: int) -> bool:
        try:
            return any(True for _ in _changes("", cut, bars, whole, compute(origin.strategy(), seen)))
        except StrategyError:
            return False

    # Two answers to one question: what changes then is no sign of the future.
    cause = "it gives two answers for the same bars" if again else explain(changes, bars, tried, changed)
    findings += [replace(one.finding, cause=cause) for one in (*again, *changes)]
    found = sorted((*findings, *problems), key=lambda finding: (finding.bar, finding.cut))
    return [replace(one, symbol=bars.symbol) for one in found]


def _asked(origin: Origin, bars: Bars, whole: Signals, cuts: int, seed: int) -> tuple[list[Change], list[Finding], int]:
    changes: list[Change] = []
    problems: list[Finding] = []
    rng = np.random.default_rng(seed)
    cut_at = places(len(bars), cuts, rng)
    for turn, cut in enumerate(cut_at):
        for test, seen in futures(bars, cut, rng, turn):
            try:
                said = compute(origin.strategy(), seen)
            except StrategyError as error:
                # Bars that are only longer or shorter, or unlike, in the future must not stop it either.
                problems.append(Finding(test, cut, cut, time_of(bars, cut), "", problem=error.message, cause=_FAILS))
                continue
            for one in _changes(test, cut, bars, whole, said):
                if one.finding.problem:
                    problems.append(replace(one.finding, cause=_FAILS))
                else:
                    changes.append(one)
    return changes, problems, len(cut_at)


_FAILS = "what is to come decides whether it can say anything"


def _touched(touch: Touch, bars: Bars) -> Finding:
    return Finding("watch", 0, 0, time_of(bars, 0) if len(bars) else "", "", problem=str(touch), cause=str(touch))


def _changes(test: str, cut: int, bars: Bars, whole: Signals, said: Signals) -> Iterator[Change]:
    for field, rows in unlike(whole, said, cut):
        row = int(rows[0])
        expected, got = getattr(whole, field), getattr(said, field)
        if expected is None or got is None:
            one = Finding(test, cut, cut, time_of(bars, cut), field, problem=f"`{field}` is only sometimes there")
        else:
            one = Finding(test, cut, row, time_of(bars, row), field, float(expected[row]), float(got[row]))
        yield Change(test, cut, field, rows, one)


__all__ = ["CUTS", "Finding", "check_lookahead"]
