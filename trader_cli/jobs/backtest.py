"""`backtest`: replay history through the one decision path, keep the run, say what happened."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trader_cli.compiler import is_cached
from trader_cli.engine.panel import build_market, build_rules, build_steps, check_range
from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import CASH, CLOSE, QUANTITY, Market, new_book, new_log
from trader_cli.engine.trips import fills_of, round_trips
from trader_cli.errors import UsageError
from trader_cli.jobs.events import conflict_events, risk_events
from trader_cli.jobs.plan import Request, code_digest
from trader_cli.jobs.ports import BarSource, RunLedger
from trader_cli.jobs.summary import figures, iso
from trader_cli.jobs.wallets import strategy_records, strategy_rows, wallet_records, wallet_rows
from trader_cli.jobs.wishes import Wishes, ask, measure
from trader_cli.model.bars import Bars, Ints
from trader_cli.model.fills import RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import ALL, RiskEvent, WalletRecord
from trader_cli.model.run import RunRecord
from trader_cli.model.timeframe import Timeframe
from trader_cli.money import ONE

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
    # Whatever the rules cannot be made of is said before any bar is read, and with it the length of a bar.
    rules = build_rules(request.settings, bar_ms=1)
    series, legs = load(request, source)
    instruments = [_steps(one, instrument) for one in series]
    timeframe = _common(series)
    rules = rules._replace(bar_ms=timeframe.ms)
    for one, steps in zip(series, instruments, strict=True):
        check_range(one, steps)
    digests = {one.symbol: source.digest(one) for one in series}
    mark = clock.lap("load", mark)
    wishes = ask(request, series, digests, ledger() if request.levels else None)
    notes = _notes(instruments, request, series, wishes)
    open_ms, market = build_market(series, wishes.signals, rules, measure(request, series, rules))
    conflicts = conflict_events(wishes, request.wallets, series)
    openers = _openers(wishes, series)
    exchange = ",".join(sorted({one.exchange for one in series}))
    # The market holds what is needed from here on; a million bars weigh.
    del series, wishes
    mark = clock.lap("signals", mark)
    if not is_cached("replay"):
        note("compiling the engine for this machine, once; about half a minute")
    purses = tuple(request.cash * one.share // ONE for one in request.wallets)
    linked = [legs if any(one.instance.linked for one in wallet.strategies) else {} for wallet in request.wallets]
    book = new_book(len(instruments), purses)
    log = new_log(len(open_ms), _FIRST_ROOM)
    steps_array = build_steps(instruments, len(purses), linked)
    log = run_bars(market, book, log, rules, steps_array, 0, len(open_ms))
    unallocated = request.cash - sum(purses)
    if unallocated:
        log.equity[:] += unallocated * 1e-8
    symbols = tuple(one.symbol for one in instruments)
    fills = fills_of(symbols, open_ms, book, log)
    trips = round_trips(fills, timeframe.ms)
    mark = clock.lap("engine", mark)
    marks = _marks(market, instruments)
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


def load(request: Request, source: BarSource) -> tuple[list[Bars], dict[int, int]]:
    """Return the series in the order of the book's symbols, and for each index that of the same symbol's other venue.

    With several exchanges a symbol is named `BTC/USD@kraken`, and each series has the others as its peers.
    """
    if len(request.exchanges) < 2:
        exchange = request.exchanges[0] if request.exchanges else None
        names = sorted(request.symbols)
        return [source.load(one, exchange, request.timeframe, request.since_ms, request.until_ms) for one in names], {}
    found: list[Bars] = []
    legs: dict[int, int] = {}
    for symbol in sorted(request.symbols):
        own = [
            replace(
                source.load(symbol, venue, request.timeframe, request.since_ms, request.until_ms),
                symbol=f"{symbol}@{venue}",
            )
            for venue in sorted(request.exchanges)
        ]
        first = len(found)
        for i, bars in enumerate(own):
            found.append(replace(bars, peers=tuple(own[:i] + own[i + 1 :])))
        if len(own) == 2:
            legs |= {first: first + 1, first + 1: first}
    return found, legs


def _steps(bars: Bars, instrument: Callable[[str, str], Instrument]) -> Instrument:
    """Return the steps of a series; at a named venue they are those of its symbol there."""
    plain, at, _ = bars.symbol.partition("@")
    found = instrument(plain, bars.exchange)
    return replace(found, symbol=bars.symbol) if at else found


def _common(series: Sequence[Bars]) -> Timeframe:
    frames = sorted({one.timeframe for one in series})
    if len(frames) > 1:
        raise UsageError(
            f"the symbols have bars of {' and '.join(str(one) for one in frames)}",
            f"choose one for all: `--timeframe {frames[-1]}`",
        )
    return frames[0]


def _notes(instruments: Sequence[Instrument], request: Request, series: Sequence[Bars], wishes: Wishes) -> list[str]:
    notes = []
    bare = [one.symbol for one in instruments if not one.described]
    if bare:
        shown = ", ".join(bare[:3]) + (f" and {len(bare) - 3} more" if len(bare) > 3 else "")
        notes.append(f"nobody described {shown}: traded in steps of 1e-8 with no minimum")
    quotes = sorted({one.quote for one in instruments})
    if len(quotes) > 1:
        raise UsageError(
            f"the symbols are quoted in {' and '.join(quotes)}",
            "one run counts in one currency: choose symbols of one quote",
        )
    if quotes != [request.quote]:
        notes.append(
            f"the account is kept in {quotes[0]}, the quote of its symbols; {request.quote} is read as {quotes[0]}"
        )
    if wishes.timeframes and wishes.timeframes != request.timeframes:
        stated, read = (", ".join(str(one) for one in frames) for frames in (request.timeframes, wishes.timeframes))
        notes.append(f"the bars are of {series[0].timeframe}: {read} are read together for {stated}")
    alone = [one.name for wallet in request.wallets for one in wallet.strategies if one.instance.linked]
    if alone and not any(one.peers for one in series):
        venues = "name two of them: `--exchange A,B`"
        notes.append(f"{alone[0]} compares two venues and was given one: it trades nothing; {venues}")
    return notes


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


def _marks(market: Market, instruments: Sequence[Instrument]) -> list[int]:
    """Return every symbol's last price in its price units, 0 where it never had a bar."""
    last = market.prices[CLOSE, -1].tolist()
    pairs = zip(last, instruments, strict=False)
    return [0 if math.isnan(price) else one.price_units(price) for price, one in pairs]
