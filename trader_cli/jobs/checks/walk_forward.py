"""walk_forward: are parameters that were chosen on the past any good on what comes next?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from trader_cli.errors import StrategyError, UsageError
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.neighbours import moved
from trader_cli.jobs.lab import Variant
from trader_cli.jobs.search import Random
from trader_cli.jobs.space import Axis, Space, read_space
from trader_cli.jobs.summary import iso
from trader_cli.model.bars import Floats
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.stats.performance import sharpe

NAME = "walk_forward"


@dataclass(frozen=True)
class Fold:
    """One choice and what came of it. inside, outside: growth a year, continuously compounded, of the chosen one."""

    first: str
    params: dict[str, Any]
    inside: float
    outside: float


def walk_forward(bench: Bench) -> CheckResult:
    """Choose on the first half of the days, trade the next tenth, and so on: `folds` equal folds over the second half.

    Anchored: the choice sees all days before; rolling: as many as the first half has, the newest. Chosen is the highest Sharpe
    ratio among at most `max_combinations` sets of parameters: of the space of the last search where there is one, else each
    parameter and `shift_pct` below and above it, and always those that are judged. What a set did on the days of a choice is
    cut from one run of it over all bars, which at no row knows the next; what was chosen trades with a fresh book.

    Efficiency is the yearly growth out of sample over that of the same choices in sample, the worse of anchored and rolling.
    Source: Pardo (2008), "The Evaluation and Optimization of Trading Strategies", chapter 11, with 50 % as what to ask for.
    FAIL: a loss in sample or out of sample; or both too little efficiency (`min_efficiency_pct`) and too few folds with a
    profit (`min_folds_pct`). One of the two alone is a WARN: a few folds of an honest strategy scatter that much.
    """
    limits, days, folds = bench.limits, len(bench.base.daily), int(bench.limits["folds"])
    half = days // 2
    if days - half < int(limits["min_days"]) or days - half < folds:
        message = f"{days - half} days to walk forward on, at least {max(int(limits['min_days']), folds)} are needed"
        return CheckResult(
            NAME,
            Status.FAIL,
            days - half,
            float(limits["min_days"]),
            "days",
            message,
            "give it a longer span: `--since`, `--until`",
        )
    sets, returns = _tried(bench)
    bounds = [half + (days - half) * i // folds for i in range(folds + 1)]
    ways = {
        "anchored": [_fold(bench, sets, returns, 0, a, b) for a, b in pairwise(bounds)],
        "rolling": [_fold(bench, sets, returns, a - half, a, b) for a, b in pairwise(bounds)],
    }
    return _judged(bench, ways, len(sets))


def _judged(bench: Bench, ways: dict[str, list[Fold]], sets: int) -> CheckResult:
    limits, least = bench.limits, float(bench.limits["min_efficiency_pct"])
    inside = {way: float(np.mean([one.inside for one in found])) for way, found in ways.items()}
    outside = {way: float(np.mean([one.outside for one in found])) for way, found in ways.items()}
    worst = min(ways, key=lambda way: outside[way])
    share = min(sum(one.outside > 0 for one in found) / len(found) for found in ways.values()) * 100
    efficiency = {way: outside[way] / inside[way] * 100 if inside[way] > 0 else math.nan for way in ways}
    number = min(efficiency.values())
    folds = len(ways[worst])
    details = {
        "combinations": sets,
        "efficiency_pct": efficiency,
        "growth_in_sample_pct": {way: one * 100 for way, one in inside.items()},
        "growth_pct": {way: one * 100 for way, one in outside.items()},
        "profitable_folds_pct": share,
        "folds": {way: [vars(one) for one in found] for way, found in ways.items()},
    }
    said = (
        f"chosen among {sets} on the days before, it grew by {outside[worst] * 100:.1f} % a year in {folds} folds it had "
        f"not seen ({worst}) against {inside[worst] * 100:.1f} % in sample"
    )
    if not min(inside.values()) > 0:
        message = f"{said}: even the best of {sets} lost on the days it was chosen on"
        return CheckResult(NAME, Status.FAIL, None, least, "%", message, "it needs another idea, not a search", details)
    if outside[worst] <= 0:
        message = f"{said}: what is chosen on the past loses afterwards"
        hint = "the choice finds noise: fewer parameters, or none that depend on these bars"
        return CheckResult(NAME, Status.FAIL, number, least, "%", message, hint, details)
    few = share < float(limits["min_folds_pct"])
    weak = number < least
    status = Status.FAIL if few and weak else Status.WARN if few or weak else Status.PASS
    message = (
        f"{said}: an efficiency of {number:.0f} %, at least {least:g} % is asked for; {share:.0f} % of the folds earned"
    )
    hint = (
        "" if status is Status.PASS else "see the folds in `--json`: parameters that jump from fold to fold are noise"
    )
    return CheckResult(NAME, status, number, least, "%", message, hint, details)


def _tried(bench: Bench) -> tuple[list[dict[str, Any]], list[Floats]]:
    """Return the sets of parameters that run, and each one's daily returns; the one that is judged first."""
    own, *others = combinations(bench)
    sets, returns = [own], [bench.base.daily]
    for params in others:
        try:
            outcome = bench.lab.run(Variant(params))
        except StrategyError:
            # A set that cannot be, fast above slow: a search leaves it out too.
            continue
        sets.append(params)
        returns.append(outcome.daily)
    return sets, returns


def combinations(bench: Bench) -> list[dict[str, Any]]:
    """Return what is chosen among, those that are judged first: a seeded draw where there are more than `max_combinations`."""
    strategy = bench.lab.strategy()
    declared, own, most = strategy.declared, strategy.params, int(bench.limits["max_combinations"])
    space = None
    if bench.tried.space:
        try:
            space = read_space(
                bench.lab.request.label, declared, own, {k: str(v) for k, v in bench.tried.space.items()}
            )
        except UsageError:
            # The strategy was changed since: its parameters are others now.
            space = None
    if space is None:
        shift = float(bench.limits["shift_pct"])
        space = Space(
            tuple(
                Axis(name, param.kind, (own[name], *moved(param, own[name], shift))) for name, param in declared.items()
            )
        )
    # Those that are judged are one of them.
    drawn = Random(space, most - 1, bench.seed)
    others = (drawn.at(number) for number in range(drawn.total))
    return [dict(own), *(one for one in others if one != own)]


def _fold(
    bench: Bench, sets: Sequence[dict[str, Any]], returns: Sequence[Floats], begin: int, first: int, last: int
) -> Fold:
    """Choose on the days [begin, first) and trade the days [first, last)."""
    periods = bench.base.periods
    scores = [sharpe(one[begin:first], periods) for one in returns]
    best = int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))
    ends = bench.base.span.ends
    row = int(ends[first - 1]) + 1
    traded = bench.lab.run(Variant(sets[best], first=row, last=int(ends[last - 1]) + 1))
    return Fold(
        iso(int(bench.base.open_ms[row])),
        sets[best],
        _growth(returns[best][begin:first], periods),
        _growth(traded.daily, periods),
    )


def _growth(returns: Floats, periods: float) -> float:
    return float(np.log1p(returns).mean()) * periods
