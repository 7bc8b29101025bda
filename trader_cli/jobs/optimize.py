"""`optimize`, whole: search or go on, survey what was found, say it as plain values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from trader_cli.errors import StrategyError, UsageError, did_you_mean
from trader_cli.jobs.landscape import Closer, HeatMap, Survey, two_axes
from trader_cli.jobs.search import FIGURES
from trader_cli.jobs.space import Space
from trader_cli.jobs.summary import iso
from trader_cli.jobs.sweep import FINISHED, Prepared, SweepLedger, carry_on
from trader_cli.jobs.workers import Pool
from trader_cli.model.evidence import SweepState, Trial


@dataclass(frozen=True)
class Shown:
    """How much of a result is shown, and what the words mean. heatmap: two parameters, empty = those that matter most."""

    top: int
    heatmap: tuple[str, ...]
    plateau_pct: float
    spike_pct: float


@dataclass(frozen=True)
class Found:
    """What a search found. result: plain values; best: None where no trial traded enough; map: as a terminal holds it."""

    result: dict[str, Any]
    state: SweepState
    best: Trial | None
    map: HeatMap | None


def check_shown(prepared: Prepared, shown: Shown) -> None:
    """Raise UsageError for parameters of the map that are not searched, before anything is run for them."""
    searched = [axis.name for axis in prepared.space.searched]
    if not shown.heatmap:
        return
    for name in shown.heatmap:
        if name not in searched:
            known = f"searched are {', '.join(searched)}" if searched else "nothing is searched"
            raise UsageError(f"`--heatmap` names `{name}`, which is not searched", *did_you_mean(name, searched), known)
    if len(set(shown.heatmap)) != 2:
        raise UsageError("a heat map has two parameters", "write e.g. `--heatmap fast,slow`")


def optimize(
    prepared: Prepared,
    ledger: SweepLedger,
    workers: Callable[[], AbstractContextManager[Pool]],
    sweep_id: str,
    now_ms: Callable[[], int],
    progress: Callable[[int, int], None],
    shown: Shown,
    *,
    fresh: bool,
) -> Found:
    """Begin a search, or go on with the one of the same key unless `fresh`; return what it found.

    workers: asked only where trials are missing. Raises StrategyError where every combination was refused.
    """
    begun = time.perf_counter()
    state = None if fresh else ledger.find_sweep(prepared.key)
    known = 0 if state is None else state.done
    engine, count = None, 0
    seen = Seen(prepared, shown.top)
    if state is not None:
        for trial in ledger.trials(state.record.sweep_id):
            seen.add(trial)
    if state is None or known < prepared.search.total:
        # A search begins once there are workers for it.
        with workers() as pool:
            engine, count = pool.engine, pool.workers
            if state is None:
                state = SweepState(prepared.record(sweep_id, now_ms()), 0, "")
                ledger.start_sweep(state.record)
            carry_on(prepared, ledger, state, pool, now_ms, progress, seen.add)
        state = ledger.sweep(state.record.sweep_id)
    elif state.ended != FINISHED:
        # It died between its last trial and its last word.
        ledger.end_sweep(state.record.sweep_id, now_ms(), FINISHED)
        state = ledger.sweep(state.record.sweep_id)
    ran = time.perf_counter()
    found = look(prepared, ledger, state, shown, seen)
    found.result["ran"] = state.done - known
    found.result["resumed"] = known > 0
    found.result["engine"], found.result["workers"] = engine, count
    found.result["seconds"] = {"trials": ran - begun, "survey": time.perf_counter() - ran}
    return found


_MOST_KEPT = 4096
"""Trials that are looked at twice without being read twice; of more the ledger is asked again, so that memory is bounded."""


class Seen:
    """The first look at a table, taken while it is made: whoever waits for workers has time for it."""

    def __init__(self, prepared: Prepared, most: int) -> None:
        self.survey = Survey(prepared.space, prepared.wanted.objectives, prepared.wanted.min_trades, most)
        self._kept: list[Trial] = []

    def add(self, trial: Trial) -> None:
        """Take a trial in; they come in order of number."""
        self.survey.add(trial)
        if self.survey.done <= _MOST_KEPT:
            self._kept.append(trial)

    def again(self, ledger: SweepLedger, sweep_id: str) -> Iterable[Trial]:
        """Return the trials for a second look."""
        return self._kept if self.survey.done == len(self._kept) else ledger.trials(sweep_id)


def look(prepared: Prepared, ledger: SweepLedger, state: SweepState, shown: Shown, once: Seen) -> Found:
    """Survey the trials that are written. Raises StrategyError where every one of them was refused."""
    sweep_id = state.record.sweep_id
    wanted, seen = prepared.wanted, once.survey
    if seen.done and seen.failed == seen.done:
        problem, _ = seen.problems.most_common(1)[0]
        raise StrategyError(f"each of {seen.done:,} combinations was refused, most often: {problem}")
    best = next(iter(seen.top), None)
    maps = None
    beside: dict[str, Any] | None = None
    if best is not None:
        closer = Closer(
            prepared.space,
            wanted.objectives[0],
            wanted.min_trades,
            best,
            two_axes(prepared.space, seen.influence(), shown.heatmap),
        )
        for trial in once.again(ledger, sweep_id):
            closer.add(trial)
        beside = closer.neighbours(shown.plateau_pct, shown.spike_pct)
        maps = closer.maps()
    record = state.record
    result = {
        "sweep_id": sweep_id,
        "strategy": record.strategy,
        "symbols": list(record.symbols),
        "exchange": record.exchange,
        "timeframe": record.timeframe,
        "start": iso(record.since_ms),
        "end": iso(record.until_ms),
        "bars": prepared.bars,
        "held_out_from": None if prepared.held_out_ms is None else iso(prepared.held_out_ms),
        "preset": prepared.lab.request.preset,
        "method": prepared.method,
        "seed": wanted.seed,
        "objectives": [one.text for one in wanted.objectives],
        "min_trades": wanted.min_trades,
        "space": prepared.space.stated,
        "searched": [axis.name for axis in prepared.space.searched],
        "total": prepared.search.total,
        "done": state.done,
        "ended": state.ended,
        "failed": seen.failed,
        "thin": seen.thin,
        "problems": [{"problem": text, "count": count} for text, count in seen.problems.most_common(5)],
        "tried": ledger.tried(record.strategy, 1).count,
        "best": None if best is None else row(best, prepared.space),
        "top": [row(one, prepared.space) for one in seen.top],
        "front": [row(one, prepared.space) for one in seen.front[: shown.top]],
        "front_size": len(seen.front),
        "neighbours": beside,
        "heatmap": None if maps is None else maps[0].plain(),
        "influence": seen.influence(),
        "sums": {"trades": seen.trades, "final_equity": seen.equity / 10**8},
        "table_digest": seen.digest,
        "notes": list(_notes(prepared, seen, best)),
    }
    return Found(result, state, best, None if maps is None else maps[1])


def row(trial: Trial, space: Space) -> dict[str, Any]:
    """Return a trial as plain values, in the order in which parameters are declared and figures told, wherever it was kept."""
    params = {axis.name: trial.params[axis.name] for axis in space.axes}
    stats = {name: trial.stats[name] for name in FIGURES}
    return {"number": trial.number, "params": params, "stats": stats, "digest": trial.digest}


def sweep_row(state: SweepState) -> dict[str, Any]:
    """Return a search and how far it is as plain values."""
    record = state.record
    return {
        "sweep_id": record.sweep_id,
        "strategy": record.strategy,
        "symbols": list(record.symbols),
        "timeframe": record.timeframe,
        "start": iso(record.since_ms),
        "end": iso(record.until_ms),
        "method": record.method,
        "objectives": list(record.objectives),
        "space": dict(record.space),
        "total": record.total,
        "done": state.done,
        "ended": state.ended,
        "started": iso(record.started_ms),
    }


def table(space_names: list[str], trials: Iterator[Trial], figures: tuple[str, ...]) -> Iterator[dict[str, list[Any]]]:
    """Yield every trial as columns, some hundreds of rows at a time: number, parameters, figures, digest, problem."""
    columns: dict[str, list[Any]] = {}
    names = ("number", *(f"param_{name}" for name in space_names), *figures, "digest", "problem")

    def emptied() -> dict[str, list[Any]]:
        return {name: [] for name in names}

    columns = emptied()
    for trial in trials:
        columns["number"].append(trial.number)
        for name in space_names:
            columns[f"param_{name}"].append(trial.params[name])
        for name in figures:
            columns[name].append(float(trial.stats.get(name, math.nan)))
        columns["digest"].append(trial.digest)
        columns["problem"].append(trial.problem)
        if len(columns["number"]) == _ROWS_AT_ONCE:
            yield columns
            columns = emptied()
    if columns["number"]:
        yield columns


_ROWS_AT_ONCE = 1000


def texts(params: Mapping[str, Any]) -> list[str]:
    """Return `name=value` of parameters as `--param` takes them, a number as it reads back to itself."""
    return [f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in params.items()]


def _notes(prepared: Prepared, seen: Survey, best: Trial | None) -> Iterator[str]:
    if prepared.held_out_ms is None:
        yield "the search saw every bar: judge the best on others, with `--holdout-pct 20` or `trader validate`"
    else:
        yield f"bars from {iso(prepared.held_out_ms)} on were kept from the search"
    if best is None:
        yield (
            f"no trial made {prepared.wanted.min_trades} round trips with a figure to compare: none is the best "
            "(`--min-trades` states how many are asked for)"
        )
    if seen.failed:
        yield f"{seen.failed:,} of {seen.done:,} combinations were refused"
