"""Determinism: the same request gives the same fills, in any order, by any number of threads, compiled or not (law 4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.compiler import INTERPRET
from trader_cli.errors import StrategyError
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.excerpt import LENGTHS, busiest, excerpt, part, strategies
from trader_cli.jobs.checks.interpreted import fills_interpreted, first_unlike, rows_of
from trader_cli.jobs.lab import Lab
from trader_cli.jobs.summary import iso
from trader_cli.model.bars import Ints
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.strategy.laws_finding import Finding
from trader_cli.strategy.laws_state import check_repeats

NAME = "determinism"
_TOLD = 20
# A process that has to start and to read pandas; one that is not back by then says nothing.
_SECONDS = 60.0


@dataclass(frozen=True)
class _Difference:
    """Two replays of the same that are not the same. way: how the second was done."""

    way: str
    text: str
    cure: str


def determinism(bench: Bench) -> CheckResult:
    """Ask every strategy again in other ways, then replay again: at once in two threads, and without the compiler.

    FAIL at the first difference, or where a strategy reads the clock or the environment.
    """
    findings: list[Finding] = []
    for chosen in strategies(bench.lab):
        series = [excerpt(one, chosen.instance, bench.limits, bench.seed) for one in bench.lab.series if len(one)]
        findings += check_repeats(chosen.instance, series, bench.seed)
    details: dict[str, Any] = {"findings": [one.plain for one in findings[:_TOLD]]}
    if findings:
        first = findings[0]
        return CheckResult(NAME, Status.FAIL, float(len(findings)), 0.0, "differences", _told(first), _CURE, details)
    difference, note = _replayed(bench)
    if difference is not None:
        details["way"] = difference.way
        return CheckResult(NAME, Status.FAIL, 1.0, 0.0, "differences", difference.text, difference.cure, details)
    text = f"the same bars give the same {len(bench.base.fills):,} fills: again, in any order of symbols, in two threads{note}"
    return CheckResult(NAME, Status.PASS, 0.0, 0.0, "differences", text, details=details)


_CURE = (
    "let it depend on `bars` and its parameters alone: no clock, no unseeded random numbers, nothing kept between calls"
)


def _told(finding: Finding) -> str:
    if finding.test == "watch":
        return finding.cause
    if finding.problem:
        return f"{finding.cause}: on {finding.symbol} it fails when asked in another way: {finding.problem}"
    return (
        f"{finding.cause}: on {finding.symbol}, bar {finding.bar} ({finding.time}), `{finding.field}` was "
        f"{finding.expected}, then {finding.got}"
    )


def _replayed(bench: Bench) -> tuple[_Difference | None, str]:
    again = bench.lab.run()
    if again.digest != bench.base.digest:
        return _unlike("again", rows_of(bench.base.fills), rows_of(again.fills), bench.lab), ""
    rows = int(bench.limits["warm_up_bars"])
    first, last = busiest(bench.base.fills.time_ms, bench.lab.open_ms, rows)
    lab = part(bench.lab, max(0, first - LENGTHS // 2 * rows), last)
    once = rows_of(lab.run().fills)
    with ThreadPoolExecutor(2) as pool:
        for other in pool.map(lambda one: rows_of(one.run().fills), (lab, lab)):
            if not np.array_equal(once, other):
                return _unlike("in two threads at once", once, other, lab), ""
    if INTERPRET:
        return None, "; the compiler is off here, so that nothing can be compared with it"
    try:
        other = fills_interpreted(lab, _SECONDS)
    except (ValueError, StrategyError) as error:
        text = f"without the compiler, in another process, it fails: {error}"
        return _Difference("interpreted", text, "see `TRADER_INTERPRET=1 trader backtest`"), ""
    if not np.array_equal(once, other):
        return _unlike("in another process, without the compiler", once, other, lab), ""
    return None, f", without the compiler ({len(once):,} fills of {len(lab.open_ms):,} bars)"


def _unlike(way: str, once: Ints, other: Ints, lab: Lab) -> _Difference:
    fill = first_unlike(once, other)
    symbol = lab.symbols[int(fill[1])]
    text = (
        f"the same bars give other fills {way}: {len(once)} and {len(other)}, the first that differs is that of {symbol} "
        f"at {iso(int(fill[0]))}"
    )
    cure = (
        "look for what differs from process to process: `hash`, the order of a set, a compiled function of its own with "
        "`fastmath` or an index out of range"
    )
    return _Difference(way, text, cure)
