"""`validate`: named checks, one verdict, kept with digests of all it was reached on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from trader_cli.errors import TraderError, UsageError, did_you_mean
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.lab import Lab
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.report_orders import execution
from trader_cli.jobs.scene import set_stage
from trader_cli.jobs.summary import Costs, iso
from trader_cli.jobs.tuning import Limits
from trader_cli.jobs.warming import warn_of_compiling
from trader_cli.jobs.workers import missing, processes
from trader_cli.model.evidence import CheckResult, Status, Tried, Verdict, follows
from trader_cli.model.instrument import Instrument

NAMES = (
    "look_ahead",
    "warm_up",
    "determinism",
    "parity",
    "out_of_sample",
    "walk_forward",
    "overfitting",
    "luck",
    "regimes",
    "costs",
    "fragility",
    "capacity",
)
"""Every check, in the order in which they are shown: can it be trusted, does it last, is it more than luck, does it pay."""

_LONGEST = ("luck", "overfitting", "walk_forward", "look_ahead", "determinism", "parity", "fragility")
"""Where several run at once these begin: what takes long and begins last is waited for alone."""

_LONG_REPLAY = 0.1
"""Seconds of one replay from which processes are worth their start: all checks together make some 400 of them."""


class EvidenceLedger(Protocol):
    """What validation needs of the ledger."""

    def tried(self, strategy: str, most: int) -> Tried:
        """Return what was tried of a strategy before."""
        ...

    def record_verdict(self, verdict: Verdict) -> None:
        """Keep a verdict."""
        ...


@dataclass(frozen=True)
class Validated:
    """A verdict, and how long each check took, in seconds."""

    verdict: Verdict
    seconds: Mapping[str, float]

    @property
    def failed(self) -> tuple[str, ...]:
        """The checks that failed."""
        return tuple(one.name for one in self.verdict.checks if one.status is Status.FAIL)

    @property
    def row(self) -> dict[str, Any]:
        """The verdict as JSON knows it."""
        verdict = self.verdict
        return {
            "strategy": verdict.strategy,
            "params": dict(verdict.params),
            "verdict": str(verdict.status),
            "complete": verdict.complete,
            "seed": verdict.seed,
            "trials": verdict.trials,
            "symbols": list(verdict.symbols),
            "exchange": verdict.exchange,
            "timeframe": verdict.timeframe,
            "start": iso(verdict.since_ms),
            "end": iso(verdict.until_ms),
            "time": iso(verdict.time_ms),
            "code_digest": verdict.code_digest,
            "data_digests": dict(verdict.data_digests),
            "checks": [{**vars(one), "status": str(one.status)} for one in verdict.checks],
            "seconds": {name: round(value, 3) for name, value in self.seconds.items()},
        }


def chosen_checks(names: Sequence[str] | None) -> tuple[str, ...]:
    """Return the checks by these names in their own order, all of them for None; raises UsageError for another name."""
    if names is None:
        return NAMES
    for name in names:
        if name not in NAMES:
            raise UsageError(
                f"there is no check `{name}`",
                *did_you_mean(name, NAMES),
                f"there are {', '.join(f'`{one}`' for one in NAMES)}",
            )
    return tuple(one for one in NAMES if one in names)


def measured_costs(ledger: ReportLedger, tuning: Limits, least: int) -> Costs | None:
    """Return what fills at a venue cost on average over the open sessions, None for fewer than `least` of them."""
    known = execution(ledger, tuning).analytics
    fee, slip = known.total.fee_bps, known.wished.slippage_bps
    if known.total.filled < least or math.isnan(fee) or math.isnan(slip):
        return None
    return Costs(max(fee, 0.0), max(slip, 0.0))


def validate(
    request: Request,
    source: BarSource,
    instrument: Callable[[str, str], Instrument],
    ledger: EvidenceLedger,
    time_ms: int,
    names: Sequence[str] | None,
    measured: Costs | None,
    note: Callable[[str], None],
) -> Validated:
    """Judge the one strategy of a request and record the verdict.

    Seed, workers and every limit are those of the request's section `validate`; results are the same for any number of
    workers. Raises DataError, StrategyError or UsageError, with nothing recorded, where it cannot be replayed at all; a check
    that cannot run is a check that failed.
    """
    begin = time.perf_counter()
    chosen = chosen_checks(names)
    limits = request.settings["validate"]
    if len(request.wallets) != 1 or len(request.wallets[0].strategies) != 1:
        raise UsageError(
            f"`{request.label}` is not one strategy: each is validated alone", "name one: `trader validate momentum`"
        )
    warn_of_compiling(note, "replay")
    lab = Lab(request, set_stage(request, source, instrument))
    tried = ledger.tried(request.label, int(limits["sampled_trials"]))
    seed = int(limits["seed"])
    bench = Bench(lab, lab.run(), tried, limits, seed, source, measured)
    seconds: dict[str, float] = {"backtest": time.perf_counter() - begin}
    found: dict[str, CheckResult] = {}
    for result, took in _run(bench, chosen, int(limits["workers"])):
        found[result.name], seconds[result.name] = result, took
        note(f"{len(found)} of {len(chosen)}  {result.name}: {result.status}, {took:.1f} s")
    checks = tuple(found[name] for name in chosen)
    verdict = _verdict(bench, source, checks, time_ms)
    ledger.record_verdict(verdict)
    seconds = {"backtest": seconds["backtest"], **{name: seconds[name] for name in chosen}}
    return Validated(verdict, {**seconds, "total": time.perf_counter() - begin})


def _verdict(bench: Bench, source: BarSource, checks: tuple[CheckResult, ...], time_ms: int) -> Verdict:
    lab, request = bench.lab, bench.lab.request
    series = lab.series
    return Verdict(
        strategy=request.label,
        status=follows(checks),
        complete=len(checks) == len(NAMES),
        params=request.params,
        code_digest=code_digest(request.wallets[0].strategies[0].source_digest),
        data_digests={one.symbol: source.digest(one) for one in series},
        exchange=",".join(sorted({one.exchange for one in series})),
        timeframe=str(lab.timeframe),
        symbols=lab.symbols,
        since_ms=min(int(one.open_ms[0]) for one in series),
        until_ms=max(int(one.open_ms[-1]) for one in series) + lab.timeframe.ms,
        time_ms=time_ms,
        seed=bench.seed,
        trials=bench.tried.count,
        checks=checks,
        settings=request.config,
    )


def _run(bench: Bench, names: Sequence[str], workers: int) -> Iterator[tuple[CheckResult, float]]:
    """Run checks, several at once where there are workers for it, and give each result with its seconds as it comes."""
    if min(workers or _worth(bench), len(names)) == 1:
        yield from (checked(bench, name) for name in names)
        return
    import joblib

    count = min(workers or joblib.cpu_count(), len(names))
    # Processes, not threads: most of a check is Python, and what a strategy does to the interpreter it runs in stays there.
    first = [name for name in _LONGEST if name in names]
    order = [*first, *(name for name in names if name not in first)]
    with (
        processes(count) as backend,
        joblib.parallel_config(**backend),
        joblib.Parallel(count, return_as="generator_unordered", batch_size=1) as parallel,
        missing("at a check"),
    ):
        yield from parallel(joblib.delayed(checked)(bench, name) for name in order)


def _worth(bench: Bench) -> int:
    """Return 1 where more workers cost more than they bring, else 0: one that begins anew loads the engine first."""
    from trader_cli.jobs.forked import forkable

    if forkable():
        return 0
    begin = time.perf_counter()
    bench.lab.run()
    return 1 if time.perf_counter() - begin <= _LONG_REPLAY else 0


def checked(bench: Bench, name: str) -> tuple[CheckResult, float]:
    """Run one check; return its result and how long it took, in seconds."""
    begin = time.perf_counter()
    check: Callable[[Bench], CheckResult] = getattr(import_module(f"trader_cli.jobs.checks.{name}"), name)
    try:
        result = check(bench)
    except TraderError as error:
        hint = error.hints[0] if error.hints else ""
        result = CheckResult(name, Status.FAIL, None, None, "", f"it could not be tried: {error.message}", hint)
    return result, time.perf_counter() - begin
