"""What research says of a run's strategies: the newest verdicts, and the maps of the newest searches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trader_cli.errors import StrategyError, UsageError
from trader_cli.jobs.landscape import Closer, HeatMap, Survey, two_axes
from trader_cli.jobs.page_ledger import PageLedger, RunLine
from trader_cli.jobs.space import Space
from trader_cli.jobs.sweep import objectives
from trader_cli.model.evidence import SweepState, Trial, Verdict

_MOST_MAPS = 3


@dataclass(frozen=True)
class Judged:
    """A verdict beside the run. same: whether it is on the run's own code and parameters."""

    verdict: Verdict
    same: bool


@dataclass(frozen=True)
class Searched:
    """A search with its map and its best trial, which is None where none traded enough."""

    state: SweepState
    map: HeatMap
    best: Trial | None


def verdicts_of(ledger: PageLedger, run: RunLine) -> tuple[Judged, ...]:
    """Return of each strategy the newest complete verdict on what ran, else the newest there is."""
    names = run.strategy.split(",")
    found = []
    for name in names:
        known = ledger.verdicts(name)
        same = [one for one in known if one.complete and len(names) == 1 and _is_of(one, run)]
        if known:
            found.append(Judged((same or known)[0], bool(same)))
    return tuple(found)


def _is_of(verdict: Verdict, run: RunLine) -> bool:
    return verdict.code_digest == run.code_digest and dict(verdict.params) == dict(run.params)


def maps_of(
    ledger: PageLedger,
    strategies: Sequence[str],
    space_of: Callable[[str, Mapping[str, Any]], Space],
    min_trades: int,
) -> tuple[list[Searched], list[str]]:
    """Return the newest searches that have a map, and a sentence for each that has none any more.

    space_of: the space of a strategy with what a search stated; raises UsageError or StrategyError where the strategy is not
    what it was.
    """
    found: list[Searched] = []
    problems = []
    for name in strategies:
        for state in ledger.sweeps(name, _MOST_MAPS):
            try:
                one = _map(ledger, state, space_of(name, state.record.space), min_trades)
            except (UsageError, StrategyError) as error:
                problems.append(f"search {state.record.sweep_id} has no map: {error.message}")
                continue
            if one is not None:
                found.append(one)
    found.sort(key=lambda one: -one.state.record.started_ms)
    return found[:_MOST_MAPS], problems


def _map(ledger: PageLedger, state: SweepState, space: Space, min_trades: int) -> Searched | None:
    record = state.record
    wanted = objectives(",".join(record.objectives))
    seen = Survey(space, wanted, min_trades, 1)
    for trial in ledger.trials(record.sweep_id):
        seen.add(trial)
    best = next(iter(seen.top), None)
    axes = two_axes(space, seen.influence(), ())
    if best is None or axes is None:
        return None
    closer = Closer(space, wanted[0], min_trades, best, axes)
    for trial in ledger.trials(record.sweep_id):
        closer.add(trial)
    maps = closer.maps()
    return None if maps is None else Searched(state, maps[0], best)
