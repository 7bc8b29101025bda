"""`optimize`: try what a search suggests on one lab, write every trial down, go on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Protocol

import numpy as np

from trader_cli.errors import DataError, UsageError, WorkersLostError, did_you_mean
from trader_cli.jobs.lab import Lab
from trader_cli.jobs.plan import RULES, Chosen, Request, code_digest
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.scene import set_stage
from trader_cli.jobs.search import FIGURES, Grid, Objective, Random, Search, Tpe
from trader_cli.jobs.space import Space
from trader_cli.jobs.workers import Pool
from trader_cli.model.evidence import Proposal, SweepRecord, SweepState, Trial, Tried
from trader_cli.model.instrument import Instrument

_MOST_UNWRITTEN = 256
_MOST_UNWRITTEN_SECONDS = 1.0
"""What a killed sweep loses at most."""
_DECIDING = ("account", *RULES)
"""Sections of the configuration that a replay reads."""
FINISHED, INTERRUPTED = "finished", "interrupted"


class SweepLedger(Protocol):
    """Where sweeps are kept. Every method is one transaction."""

    def start_sweep(self, record: SweepRecord) -> None:
        """Write the beginning of a sweep."""
        ...

    def find_sweep(self, key: str) -> SweepState | None:
        """Return the newest sweep of a key, None where there is none."""
        ...

    def sweep(self, prefix: str) -> SweepState:
        """Return the one sweep whose id begins so; raises UsageError for none or several."""
        ...

    def add_trials(self, sweep_id: str, trials: Sequence[Trial]) -> None:
        """Write the trials that follow; raises LeaseError where another process wrote them first."""
        ...

    def end_sweep(self, sweep_id: str, time_ms: int, how: str) -> None:
        """Write how a sweep ended, `finished` or `interrupted`."""
        ...

    def trials(self, sweep_id: str, first: int = 0, limit: int | None = None) -> Iterator[Trial]:
        """Yield trials in order of number, a page in memory at a time."""
        ...

    def tried(self, strategy: str, most: int) -> Tried:
        """Return what was tried of a strategy so far."""
        ...

    def record_proposal(self, proposal: Proposal) -> None:
        """Write a proposal."""
        ...


@dataclass(frozen=True)
class Wanted:
    """How to search, as section `[optimize]` says. method is `grid`, `random`, `tpe` or `auto`."""

    method: str
    trials: int
    max_grid: int
    seed: int
    objectives: tuple[Objective, ...]
    min_trades: int
    holdout_pct: Decimal
    batch: int

    @classmethod
    def read(cls, section: Mapping[str, Any]) -> Wanted:
        """Return what a section says; raises UsageError for a figure that no replay gives."""
        names = ("method", "trials", "max_grid", "seed", "min_trades", "holdout_pct", "batch")
        return cls(objectives=objectives(section["objective"]), **{name: section[name] for name in names})


@dataclass(frozen=True)
class Prepared:
    """A search that is ready to begin or to go on. key: of everything that decides its trials.

    bars: rows of the grid that it sees. held_out_ms: open of the first bar kept from it, None = it sees all.
    """

    lab: Lab
    space: Space
    search: Search
    wanted: Wanted
    method: str
    key: str
    code_digest: str
    data_digests: Mapping[str, str]
    since_ms: int
    until_ms: int
    bars: int
    held_out_ms: int | None

    @property
    def strategy(self) -> Chosen:
        """The strategy whose parameters are searched."""
        return self.lab.request.wallets[0].strategies[0]

    def record(self, sweep_id: str, started_ms: int) -> SweepRecord:
        """Return what the ledger keeps of its beginning."""
        request = self.lab.request
        return SweepRecord(
            sweep_id=sweep_id,
            key=self.key,
            strategy=self.strategy.name,
            code_digest=self.code_digest,
            data_digests=self.data_digests,
            exchange=",".join(dict.fromkeys(one.exchange for one in self.lab.series)),
            timeframe=str(self.lab.timeframe),
            symbols=self.lab.symbols,
            since_ms=self.since_ms,
            until_ms=self.until_ms,
            method=self.method,
            seed=self.wanted.seed,
            objectives=tuple(one.text for one in self.wanted.objectives),
            space=self.space.stated,
            settings={name: request.config[name] for name in _DECIDING},
            total=self.search.total,
            started_ms=started_ms,
        )


def objectives(text: str) -> tuple[Objective, ...]:
    """Return the figures that a text names, separated by commas, `-` before one that is to be low. Raises UsageError."""
    found: list[Objective] = []
    for one in dict.fromkeys(part.strip() for part in text.split(",") if part.strip()):
        figure = one.removeprefix("-")
        if figure not in FIGURES:
            raise UsageError(
                f"objective `{one}` is no figure of a backtest",
                *did_you_mean(figure, FIGURES),
                f"choose of {', '.join(FIGURES)}",
            )
        if one == "max_drawdown_pct":
            raise UsageError(
                "objective `max_drawdown_pct` would look for the deepest drawdown",
                "write `-max_drawdown_pct`: less is better",
            )
        found.append(Objective(figure, not one.startswith("-")))
    if not found:
        raise UsageError("no objective is stated", "write e.g. `--objective sharpe`")
    if len({one.figure for one in found}) < len(found):
        raise UsageError(f"objective `{text}` wants one figure high and low")
    return tuple(found)


def prepare(
    request: Request,
    source: BarSource,
    instrument: Callable[[str, str], Instrument],
    space: Space,
    wanted: Wanted,
    version: str,
) -> Prepared:
    """Read the bars and lay out the search. version: of the program. Raises DataError, StrategyError or UsageError."""
    method, search = _search(space, wanted)
    stage = set_stage(request, source, instrument)
    opens = np.unique(np.concatenate([one.open_ms for one in stage.series]))
    held_out_ms = None
    kept = len(opens) - int(len(opens) * wanted.holdout_pct / 100)
    if kept < len(opens):
        # The strategies are not even shown what is held out: whoever looks ahead finds nothing there.
        held_out_ms = int(opens[kept]) if kept else 0
        if kept < 2:
            raise DataError(
                f"{len(opens)} bars less {wanted.holdout_pct} % leave {kept}", "hold less out, or bring more bars"
            )
        request = replace(request, until_ms=held_out_ms)
        stage = set_stage(request, source, instrument)
        opens = opens[:kept]
    chosen = request.wallets[0].strategies[0]
    code = code_digest(chosen.source_digest)
    digests = {one.symbol: source.digest(one) for one in stage.series}
    decided = {
        "program": version,
        "code": code,
        "bars": digests,
        "timeframe": str(stage.timeframe),
        "instruments": [repr(one) for one in stage.instruments],
        "settings": {name: request.config[name] for name in _DECIDING},
        "quote": request.quote,
        "space": space.stated,
        "method": method,
        "search": search.version,
        "total": search.total,
        "seed": wanted.seed if method != "grid" else None,
        # What is good decides what is tried only where the search learns.
        "objectives": [one.text for one in wanted.objectives] if method == "tpe" else None,
    }
    key = hashlib.sha256(json.dumps(decided, sort_keys=True, default=str).encode()).hexdigest()
    return Prepared(
        lab=Lab(request, stage),
        space=space,
        search=search,
        wanted=wanted,
        method=method,
        key=key,
        code_digest=code,
        data_digests=digests,
        since_ms=int(opens[0]) if len(opens) else 0,
        until_ms=int(opens[-1]) + stage.timeframe.ms if len(opens) else 0,
        bars=len(opens),
        held_out_ms=held_out_ms,
    )


def carry_on(
    prepared: Prepared,
    ledger: SweepLedger,
    state: SweepState,
    pool: Pool,
    now_ms: Callable[[], int],
    progress: Callable[[int, int], None],
    seen: Callable[[Trial], None],
) -> None:
    """Run the trials that are missing, show each to `seen`, and write them down at least every second.

    Interrupted, what is done is kept and the interruption goes on.
    """
    sweep_id, search = state.record.sweep_id, prepared.search
    unwritten: list[Trial] = []
    written_at = time.perf_counter()
    progress(state.done, search.total)
    try:
        search.resume(ledger.trials(sweep_id), state.done)
        first = state.done
        while first < search.total:
            ready = search.ready(first)
            for trial in pool.run(first, ready, search.at):
                search.tell(trial)
                seen(trial)
                unwritten.append(trial)
                now = time.perf_counter()
                if len(unwritten) >= _MOST_UNWRITTEN or now - written_at >= _MOST_UNWRITTEN_SECONDS:
                    ledger.add_trials(sweep_id, unwritten)
                    unwritten, written_at = [], now
                progress(trial.number + 1, search.total)
            first = ready
        pool.dismiss()
        if unwritten:
            ledger.add_trials(sweep_id, unwritten)
        ledger.end_sweep(sweep_id, now_ms(), FINISHED)
    except (KeyboardInterrupt, WorkersLostError):
        # It may have come while trials were written: what the ledger has by now is left out.
        done = ledger.sweep(sweep_id).done
        rest = [one for one in unwritten if one.number >= done]
        if rest:
            ledger.add_trials(sweep_id, rest)
        ledger.end_sweep(sweep_id, now_ms(), INTERRUPTED)
        raise


def _search(space: Space, wanted: Wanted) -> tuple[str, Search]:
    method = wanted.method
    if method == "auto":
        method = "grid" if space.stepped else "random"
    if method == "random":
        return method, Random(space, wanted.trials, wanted.seed)
    if method == "tpe":
        search = Tpe(space, wanted.trials, wanted.seed, wanted.objectives, wanted.min_trades, wanted.batch)
        return method, search
    grid = Grid(space)
    if grid.total > wanted.max_grid:
        raise UsageError(
            f"the grid has {grid.total:,} combinations, `optimize.max_grid` is {wanted.max_grid:,}",
            "state fewer values, e.g. `--param fast=5:50:5`",
            f"or draw from it: `--method random --trials {wanted.trials}`",
        )
    return method, grid
