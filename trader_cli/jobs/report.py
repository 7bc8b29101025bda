"""What stands in the open sessions: sessions, positions, cycles and what nobody can explain; read from the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from trader_cli.engine.snapshot import unpack
from trader_cli.engine.state import (
    CEILING,
    ENTRY_MS,
    ENTRY_PRICE,
    FLOOR,
    QUANTITY,
    TRIP_BOUGHT,
    TRIP_FEES,
    TRIP_SOLD,
)
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.summary import iso
from trader_cli.model.orders import OrderState
from trader_cli.model.session import CycleRecord, Session, Step
from trader_cli.model.timeframe import Timeframe

_DECIMALS = 8


@dataclass(frozen=True)
class Price:
    """A price somebody stated, quote, and when, ms UTC."""

    price: Decimal
    time_ms: int


@dataclass(frozen=True)
class SessionLine:
    """One session as of its newest step. Amounts are exact decimal text in `quote`; times ISO 8601, "" = not yet.

    state: `open`, or `ended` where a newer session of the same account took its place. result: equity less what it began
    with and what was adopted since.
    """

    run_id: str
    mode: str
    exchange: str
    state: str
    strategy: str
    preset: str
    symbols: tuple[str, ...]
    timeframe: str
    quote: str
    since: str
    bar: str
    updated: str
    cash: str
    equity: str
    result: str
    result_pct: float
    fills: int
    trades: int


@dataclass(frozen=True)
class Guard:
    """An order that protects a position at the venue. level, left: exact decimal text."""

    role: str
    client_id: str
    venue_id: str
    state: str
    level: str
    left: str


@dataclass(frozen=True)
class Position:
    """One holding. Amounts are exact decimal text in `quote`, "" = none; times ISO 8601, "" = not known.

    pnl: of the round trip under way: what it sold and what is held at `price`, less what it bought and its fees. guards: the
    orders at the venue that protect it. exposed: there is a stop, and the venue does not have it.
    """

    run_id: str
    mode: str
    exchange: str
    wallet: str
    symbol: str
    strategy: str
    quote: str
    quantity: str
    entry_price: str
    entry_time: str
    price: str
    price_time: str
    value: str
    pnl: str
    pnl_pct: float
    stop: str
    target: str
    guards: tuple[Guard, ...]
    exposed: bool


@dataclass(frozen=True)
class Unexplained:
    """What the venue has of an asset beyond what the ledger knows; signed decimal text."""

    run_id: str
    exchange: str
    asset: str
    amount: str


@dataclass(frozen=True)
class HaltLine:
    """What enters nothing until somebody resumes it: `all` or a wallet."""

    scope: str
    since: str
    reason: str


@dataclass(frozen=True)
class CycleLine:
    """One cycle that ended. calls: requests to the venue, where it counted them, else -1."""

    run_id: str
    started: str
    outcome: str
    exit_code: int
    seconds: float
    calls: int
    message: str
    age_s: int


def exact(units: int, decimals: int = _DECIMALS) -> str:
    """Return whole units of 10**-decimals as decimal text, exactly and without idle zeros."""
    whole, part = divmod(abs(units), 10**decimals)
    text = f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".") if decimals else f"{whole}"
    return f"-{text}" if units < 0 else text


def decimal_text(amount: Decimal) -> str:
    """Return a decimal as text without exponent and idle zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def time_text(time_ms: int) -> str:
    """Return a time in ISO 8601, "" where it is not known."""
    return iso(time_ms) if time_ms > 0 else ""


def open_sessions(sessions: Sequence[Session]) -> list[Session]:
    """Return the sessions that go on: of each mode, exchange and account the newest."""
    newest: dict[tuple[str, str, str], Session] = {}
    for one in sessions:
        newest.setdefault((one.mode, one.exchange, one.account), one)
    return list(newest.values())


def session_lines(ledger: ReportLedger) -> list[SessionLine]:
    """Return all sessions, newest first."""
    sessions = ledger.sessions()
    going_on = {one.run_id for one in open_sessions(sessions)}
    return [_line(ledger, one, "open" if one.run_id in going_on else "ended") for one in sessions]


def _line(ledger: ReportLedger, session: Session, state: str) -> SessionLine:
    step = ledger.last_step(session.run_id)
    begun = session.cash_start + adopted(ledger, session, step)
    result = step.equity - begun
    return SessionLine(
        run_id=session.run_id,
        mode=session.mode,
        exchange=session.exchange,
        state=state,
        strategy=session.strategy,
        preset=session.preset,
        symbols=step.symbols,
        timeframe=session.timeframe,
        quote=session.quote,
        since=time_text(session.started_ms),
        bar=time_text(step.bar_ms),
        updated=time_text(step.time_ms),
        cash=exact(step.cash),
        equity=exact(step.equity),
        result=exact(result),
        result_pct=result / begun * 100 if begun > 0 else float("nan"),
        fills=step.fill_count,
        trades=step.trade_count,
    )


def adopted(ledger: ReportLedger, session: Session, step: Step, after_ms: int = -1) -> int:
    """Return what was taken in after a time, 1e-8 quote, assets at the step's prices: money that nobody earned."""
    whole = Decimal(0)
    for time_ms, one in ledger.adjustments(session.run_id):
        if one.kind != "adopt" or time_ms <= after_ms:
            continue
        if one.asset == session.quote:
            whole += Decimal(one.amount)
        for instrument in session.instruments:
            if instrument.base == one.asset and instrument.symbol in step.symbols:
                mark = step.marks[step.symbols.index(instrument.symbol)]
                whole += Decimal(one.amount) * mark / instrument.price_one
                break
    return int(whole.scaleb(_DECIMALS))


def positions(ledger: ReportLedger, prices: Mapping[tuple[str, str], Price]) -> list[Position]:
    """Return what the open sessions hold; prices: newer ones than the ledger's, by exchange and symbol."""
    return [
        one
        for session in open_sessions(ledger.sessions())
        for one in _held(ledger, session, ledger.last_step(session.run_id), prices)
    ]


def _held(
    ledger: ReportLedger, session: Session, step: Step, prices: Mapping[tuple[str, str], Price]
) -> list[Position]:
    book = unpack(step.state, step.symbols, step.wallets, step.symbols, step.wallets)
    decimals = decimals_of(ledger, session, step.symbols)
    found = []
    for row, columns in enumerate(book.position.tolist()):
        if columns[QUANTITY] == 0:
            continue
        w, s = divmod(row, len(step.symbols))
        symbol, wallet = step.symbols[s], step.wallets[w]
        places = decimals.get(symbol, _DECIMALS)
        price, when = _price(session, step, s, places, prices)
        value = price * columns[QUANTITY] // 10**places
        pnl = columns[TRIP_SOLD] + value - columns[TRIP_BOUGHT] - columns[TRIP_FEES]
        guards = _guards(ledger, noted(step, "protection", wallet, symbol))
        stop = columns[FLOOR]
        watched = any(one.role == "stop" and one.state == OrderState.OPEN for one in guards)
        found.append(
            Position(
                run_id=session.run_id,
                mode=session.mode,
                exchange=session.exchange,
                wallet=wallet,
                symbol=symbol,
                strategy=str(noted(step, "openers", wallet, symbol) or ""),
                quote=session.quote,
                quantity=exact(columns[QUANTITY]),
                entry_price=exact(columns[ENTRY_PRICE], places),
                entry_time=time_text(columns[ENTRY_MS]),
                price=exact(price, places),
                price_time=time_text(when),
                value=exact(value),
                pnl=exact(pnl),
                pnl_pct=pnl / columns[TRIP_BOUGHT] * 100 if columns[TRIP_BOUGHT] else float("nan"),
                stop=exact(stop, places) if stop else "",
                target=exact(columns[CEILING], places) if columns[CEILING] else "",
                guards=guards,
                exposed=session.mode == "live" and stop > 0 and not watched,
            )
        )
    return found


def decimals_of(ledger: ReportLedger, session: Session, symbols: Sequence[str]) -> dict[str, int]:
    """Return each symbol's decimals of a price: as the session knows it, else as its fills were booked."""
    known = {one.symbol: one.price_decimals for one in session.instruments}
    if not set(symbols) <= known.keys():
        # A symbol that joined later.
        booked = ledger.rows("fills", session.run_id)
        known = {str(one["symbol"]): int(one["price_decimals"]) for one in booked} | known
    return known


def _price(
    session: Session, step: Step, s: int, places: int, prices: Mapping[tuple[str, str], Price]
) -> tuple[int, int]:
    """Return the newest price known, in price units, and its time."""
    stated = prices.get((session.exchange, step.symbols[s]))
    when = int(step.notes.get("prices_ms", 0) or 0)  # type: ignore[call-overload]
    if not when and step.bar_ms >= 0:
        when = step.bar_ms + Timeframe.parse(session.timeframe).ms
    if stated is None or stated.time_ms < when:
        return step.marks[s], when
    return int(stated.price.scaleb(places)), stated.time_ms


def noted(step: Step, section: str, wallet: str, symbol: str) -> Any:
    """Return what the cycle remembered of a wallet's symbol, None where it did not."""
    kept = step.notes.get(section)
    return kept.get(f"{wallet}|{symbol}") if isinstance(kept, Mapping) else None


def _guards(ledger: ReportLedger, kept: Any) -> tuple[Guard, ...]:
    found = []
    for role, client_id in sorted(kept.items()) if isinstance(kept, Mapping) else ():
        record = ledger.order(str(client_id)) if client_id else None
        if record is not None:
            ticket = record.ticket
            level = exact(ticket.trigger or ticket.price, ticket.price_decimals)
            left = exact(ticket.quantity - record.filled)
            found.append(Guard(role, ticket.client_id, record.venue_id, str(record.state), level, left))
    return tuple(found)


def differences(ledger: ReportLedger) -> list[Unexplained]:
    """Return what no open session can explain of its account."""
    found = []
    for session in open_sessions(ledger.sessions()):
        kept = ledger.last_step(session.run_id).notes.get("unexplained")
        for asset, amount in sorted(kept.items()) if isinstance(kept, Mapping) else ():
            found.append(Unexplained(session.run_id, session.exchange, str(asset), str(amount)))
    return found


def halt_lines(ledger: ReportLedger) -> list[HaltLine]:
    """Return what is halted, the longest halted first."""
    return [HaltLine(scope, time_text(one.since_ms), one.reason) for scope, one in ledger.halted().items()]


def cycle_lines(ledger: ReportLedger, limit: int, now_ms: int) -> list[CycleLine]:
    """Return the last cycles, newest first; the first one's age is the heartbeat."""
    return [_cycle(one, now_ms) for one in ledger.cycles(limit)]


def _cycle(one: CycleRecord, now_ms: int) -> CycleLine:
    calls = one.figures.get("calls", -1)
    return CycleLine(
        run_id=one.run_id,
        started=time_text(one.started_ms),
        outcome=one.outcome,
        exit_code=one.exit_code,
        seconds=(one.ended_ms - one.started_ms) / 1000,
        calls=sum(calls.values()) if isinstance(calls, Mapping) else int(calls),  # type: ignore[call-overload]
        message=one.message,
        age_s=max(now_ms - one.ended_ms, 0) // 1000,
    )
