"""`backtest`: replay history through the one decision path, keep the run, say what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.engine.state import CASH, QUANTITY, new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.jobs.events import conflict_events, risk_events
from trader_cli.jobs.money_range import require_exact, run_in_range
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.ports import BarSource, RunLedger
from trader_cli.jobs.scene import set_scene, set_stage
from trader_cli.jobs.summary import figures, iso
from trader_cli.jobs.wallets import marks_at, strategy_records, strategy_rows, wallet_records, wallet_rows
from trader_cli.jobs.warming import warn_of_compiling
from trader_cli.jobs.wishes import Wishes
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import ALL, RiskEvent, WalletRecord
from trader_cli.model.run import RunRecord

_FIRST_ROOM = 4096


@dataclass(frozen=True)
class Replayed:
    """A finished replay: the figures for the reader, and the record the ledger keeps."""

    result: dict[str, Any]
    record: RunRecord


@dataclass(frozen=True)
class _Clock:
    """Where the seconds went."""

    seconds: dict[str, float]

    def lap(self, name: str, since: float) -> float:
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - since
        return now


def backtest(
    request: Request,
    source: BarSource,
    instrument: Callable[[str, str], Instrument],
    ledger: Callable[[], RunLedger],
    run_id: str,
    started_ms: int,
    note: Callable[[str], None],
) -> Replayed:
    """Run a backtest and record it. Raises DataError, StrategyError or UsageError before anything is written."""
    clock = _Clock({})
    begin = mark = time.perf_counter()
    stage = set_stage(request, source, instrument)
    series, timeframe = stage.series, stage.timeframe
    digests = {one.symbol: source.digest(one) for one in series}
    mark = clock.lap("load", mark)
    scene = set_scene(request, stage, digests, ledger() if request.levels else None)
    open_ms, market, instruments = scene.open_ms, scene.market, scene.instruments
    conflicts = conflict_events(scene.wishes, request.wallets, series)
    openers = _openers(scene.wishes, series)
    notes, purses, rules, steps = scene.notes, scene.purses, scene.rules, scene.steps
    exchange = ",".join(sorted({one.exchange for one in series}))
    # The market holds what is needed from here on; a million bars weigh.
    del series, stage, scene
    mark = clock.lap("signals", mark)
    warn_of_compiling(note, "replay")
    book = new_book(len(instruments), purses)
    log = new_log(len(open_ms), _FIRST_ROOM)
    log = run_in_range(market, book, log, rules, steps, 0, 0, len(open_ms))
    unallocated = request.cash - sum(purses)
    if unallocated:
        log.equity[:] += unallocated * 1e-8
    symbols = tuple(one.symbol for one in instruments)
    fills = fills_of(symbols, open_ms, book, log)
    require_exact(open_ms, market, log.equity, fills, purses, rules, instruments)
    trips = round_trips(fills, timeframe.ms)
    mark = clock.lap("engine", mark)
    marks = marks_at(market, instruments, -1)
    events = sorted(
        [*risk_events(log, book, open_ms, timeframe.ms, request.wallets, symbols, instruments[0].quote), *conflicts],
        key=lambda one: one.time_ms,
    )
    wallets = wallet_records(request.wallets, purses, book, marks, instruments, trips)
    opened = openers(trips)
    strategies = strategy_records(request.wallets, fills, trips, opened)
    equity = unallocated + sum(one.equity_end for one in wallets)
    result = figures(
        open_ms, timeframe, market, book, log, fills, trips, request.cash, request.costs, instruments, events
    )
    result |= {
        "run_id": run_id,
        "strategy": request.label,
        "params": request.params,
        "symbols": list(symbols),
        "exchange": exchange,
        "timeframe": str(timeframe),
        "preset": request.preset,
        "cash": request.cash * 1e-8,
        "fee_bps": request.costs.fee_bps,
        "slippage_bps": request.costs.slippage_bps,
        "final_equity": equity * 1e-8,
        "digest": fills.digest(),
        "wallets": wallet_rows(wallets),
        "strategies": strategy_rows(strategies, trips, opened),
    }
    result["notes"] = [*notes, *halt_notes(wallets, events)]
    mark = clock.lap("statistics", mark)
    record = RunRecord(
        run_id=run_id,
        mode="backtest",
        strategy=request.label,
        params=request.params,
        preset=request.preset,
        config=request.config,
        exchange=exchange,
        timeframe=str(timeframe),
        quote=instruments[0].quote,
        instruments=tuple(instruments),
        bars=len(open_ms),
        start_ms=int(open_ms[0]),
        end_ms=int(open_ms[-1]) + timeframe.ms,
        started_ms=started_ms,
        cash_start=request.cash,
        cash_end=int(book.wallet[-1, CASH]) + unallocated,
        equity_end=equity,
        holdings=tuple(book.position[:, QUANTITY].tolist()),
        marks=tuple(marks),
        digest=str(result["digest"]),
        code_digest=code_digest(*(one.source_digest for wallet in request.wallets for one in wallet.strategies)),
        data_digests=digests,
        stats=result,
        fills=fills,
        round_trips=trips,
        wallets=wallets,
        strategies=strategies,
        trip_strategies=tuple(opened.tolist()),
        risk_events=tuple(events),
    )
    ledger().record_run(record)
    clock.lap("ledger", mark)
    clock.seconds["total"] = time.perf_counter() - begin
    result["seconds"] = {name: round(value, 6) for name, value in clock.seconds.items()}
    return Replayed(result, record)


def halt_notes(wallets: Sequence[WalletRecord], events: Sequence[RiskEvent]) -> list[str]:
    """Return a sentence for each breaker that was open at the end and stays so until somebody resumes."""
    notes = []
    for scope in (ALL, *(one.name for one in wallets)):
        last = [one for one in events if one.kind == "breaker" and one.wallet == scope and one.rule == "drawdown"]
        if last:
            notes.append(f"{last[-1].message}; nothing was bought after {iso(last[-1].time_ms)}")
    return notes


def _openers(wishes: Wishes, series: Sequence[Bars]) -> Callable[[RoundTrips], Ints]:
    """Return how to tell which strategy opened a round trip: whose wish counted at the close before it was filled.

    The answer indexes the strategies of all wallets, one after the other.
    """
    winners = [[one.winner for one in wallet] for wallet in wishes.wallets]
    opens = [one.open_ms for one in series]
    firsts = np.cumsum([0, *wishes.strategies])

    def openers(trips: RoundTrips) -> Ints:
        found = np.zeros(len(trips), np.int64)
        for w, wallet in enumerate(winners):
            for s, winner in enumerate(wallet):
                mine = (trips.wallet == w) & (trips.symbol == s)
                decided = np.searchsorted(opens[s], trips.entry_ms[mine]) - 1
                found[mine] = firsts[w] + np.maximum(winner[decided], 0)
        return found

    return openers
