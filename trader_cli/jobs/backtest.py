"""`backtest`: replay history through the one decision path, keep the run, say what happened."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trader_cli.compiler import is_cached, source_digest
from trader_cli.engine.panel import build_market, build_steps, check_range
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import CASH, CLOSE, QUANTITY, Book, Market, new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.errors import UsageError
from trader_cli.jobs.ports import BarSource, RunLedger
from trader_cli.jobs.summary import Costs, figures
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.run import RunRecord
from trader_cli.model.timeframe import Timeframe
from trader_cli.risk.rules import Rules
from trader_cli.strategy.base import Strategy, compute

_FIRST_ROOM = 4096


@dataclass(frozen=True)
class Request:
    """What to replay. Times are ms UTC, half-open, None = no bound; cash is 1e-8 quote."""

    strategy: str
    instance: Strategy
    source_digest: str
    symbols: tuple[str, ...]
    exchange: str | None
    timeframe: Timeframe | None
    since_ms: int | None
    until_ms: int | None
    cash: int
    quote: str
    rules: Rules
    costs: Costs
    preset: str
    config: Mapping[str, Any]


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
    series = [
        source.load(symbol, request.exchange, request.timeframe, request.since_ms, request.until_ms)
        for symbol in sorted(request.symbols)
    ]
    instruments = [instrument(one.symbol, one.exchange) for one in series]
    timeframe = _common(series)
    notes = _notes(instruments, request)
    for one, steps in zip(series, instruments, strict=True):
        check_range(one, steps)
    digests = {one.symbol: source.digest(one) for one in series}
    mark = clock.lap("load", mark)
    signals = [compute(request.instance, one) for one in series]
    open_ms, market = build_market(series, signals)
    exchanges = sorted({one.exchange for one in series})
    # The market holds what is needed from here on; a million bars weigh.
    del series, signals
    mark = clock.lap("signals", mark)
    if not is_cached("replay"):
        note("compiling the engine for this machine, once; about 15 s")
    steps_array = build_steps(instruments)
    book = new_book(len(instruments), request.cash)
    log = new_log(len(instruments), len(open_ms), _FIRST_ROOM)
    log = run_bars(market, book, log, request.rules, steps_array, 0, len(open_ms))
    fills = fills_of(tuple(one.symbol for one in instruments), open_ms, book, log)
    trips = round_trips(fills, timeframe.ms)
    mark = clock.lap("engine", mark)
    result = figures(open_ms, timeframe, market, book, log, fills, trips, request.cash, request.costs, instruments)
    marks = _marks(market, instruments)
    equity = _equity(book, marks, instruments)
    result |= _identity(request, instruments, ",".join(exchanges), timeframe, fills, run_id, equity, notes)
    mark = clock.lap("statistics", mark)
    record = _record(
        request, instruments, timeframe, open_ms, marks, book, fills, trips, digests, equity, started_ms, result
    )
    ledger().record_run(record)
    clock.lap("ledger", mark)
    clock.seconds["total"] = time.perf_counter() - begin
    result["seconds"] = {name: round(value, 6) for name, value in clock.seconds.items()}
    return Replayed(result, record)


def _common(series: Sequence[Bars]) -> Timeframe:
    frames = sorted({one.timeframe for one in series})
    if len(frames) > 1:
        raise UsageError(
            f"the symbols have bars of {' and '.join(str(one) for one in frames)}",
            f"choose one for all: `--timeframe {frames[-1]}`",
        )
    return frames[0]


def _notes(instruments: Sequence[Instrument], request: Request) -> list[str]:
    notes = []
    bare = [one.symbol for one in instruments if not one.described]
    if bare:
        shown = ", ".join(bare[:3]) + (f" and {len(bare) - 3} more" if len(bare) > 3 else "")
        notes.append(f"nobody described {shown}: traded in steps of 1e-8 with no minimum")
    others = sorted({one.quote for one in instruments} - {request.quote})
    if len({one.quote for one in instruments}) > 1:
        raise UsageError(
            f"the symbols are quoted in {' and '.join(sorted({one.quote for one in instruments}))}",
            "one run counts in one currency: choose symbols of one quote",
        )
    if others:
        notes.append(
            f"the account is kept in {others[0]}, the quote of its symbols; {request.quote} is read as {others[0]}"
        )
    return notes


def _identity(
    request: Request,
    instruments: Sequence[Instrument],
    exchange: str,
    timeframe: Timeframe,
    fills: Fills,
    run_id: str,
    equity: int,
    notes: list[str],
) -> dict[str, Any]:
    return {
        "run_id": run_id,
        "strategy": request.strategy,
        "params": dict(request.instance.params),
        "symbols": [one.symbol for one in instruments],
        "exchange": exchange,
        "timeframe": str(timeframe),
        "preset": request.preset,
        "cash": request.cash * 1e-8,
        "fee_bps": request.costs.fee_bps,
        "slippage_bps": request.costs.slippage_bps,
        "final_equity": equity * 1e-8,
        "digest": fills.digest(),
        "notes": notes,
    }


def _marks(market: Market, instruments: Sequence[Instrument]) -> list[int]:
    """Return every symbol's last price in its price units, 0 where it never had a bar."""
    last = market.prices[CLOSE, -1].tolist()
    pairs = zip(last, instruments, strict=True)
    return [0 if math.isnan(price) else one.price_units(price) for price, one in pairs]


def _equity(book: Book, marks: Sequence[int], instruments: Sequence[Instrument]) -> int:
    """Return cash and holdings at their last price, 1e-8 quote, by the engine's own rounding."""
    held = book.position[:, QUANTITY].tolist()
    worth = (
        one.value_units(mark, quantity)
        for mark, quantity, one in zip(marks, held, instruments, strict=True)
        if quantity
    )
    return int(book.account[CASH]) + sum(worth)


def _record(
    request: Request,
    instruments: Sequence[Instrument],
    timeframe: Timeframe,
    open_ms: Ints,
    marks: Sequence[int],
    book: Book,
    fills: Fills,
    trips: RoundTrips,
    digests: Mapping[str, str],
    equity: int,
    started_ms: int,
    result: Mapping[str, Any],
) -> RunRecord:
    return RunRecord(
        run_id=result["run_id"],
        mode="backtest",
        strategy=request.strategy,
        params=dict(request.instance.params),
        preset=request.preset,
        config=request.config,
        exchange=result["exchange"],
        timeframe=str(timeframe),
        quote=instruments[0].quote,
        instruments=tuple(instruments),
        bars=len(open_ms),
        start_ms=int(open_ms[0]),
        end_ms=int(open_ms[-1]) + timeframe.ms,
        started_ms=started_ms,
        cash_start=request.cash,
        cash_end=int(book.account[CASH]),
        equity_end=equity,
        holdings=tuple(book.position[:, QUANTITY].tolist()),
        marks=tuple(marks),
        digest=str(result["digest"]),
        code_digest=hashlib.sha256(f"{request.source_digest}|{source_digest()}".encode()).hexdigest(),
        data_digests=dict(digests),
        stats=result,
        fills=fills,
        round_trips=trips,
    )
