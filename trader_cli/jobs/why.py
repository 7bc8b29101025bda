"""Why an order was made and what became of it: the chain from the bar to the entries, as far as the ledger holds it (X6)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trader_cli.errors import UsageError
from trader_cli.jobs.report import decimal_text, exact, noted, time_text
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.report_orders import trade_of
from trader_cli.model.fills import OrderKind, Reason
from trader_cli.model.instrument import Instrument
from trader_cli.model.orders import CLIENT_PREFIX, TicketKind
from trader_cli.model.risk import ALL
from trader_cli.model.session import OrderRecord, Session, Step
from trader_cli.model.timeframe import Timeframe

_LEVELS = (Reason.STOP, Reason.TRAIL, Reason.TARGET, Reason.BREAK_EVEN, Reason.MICRO_PROFIT, Reason.PARTIAL)
"""Reasons that are a level the market reached, whatever was decided at the close before."""
_STEPS_A_BAR = 4
"""A cycle writes a step for what the venue did and one for what it decides; a bar can have a few cycles."""


Entries = Callable[[Sequence[int]], Sequence[Mapping[str, Any]]]
"""Gives the entries of transactions in their order: `txn`, `account`, `asset`, `amount` in 1e-8."""


@dataclass(frozen=True)
class Link:
    """One link. stage: bar, signal, conflict, limit, rule, ticket, event, trade, fill, entry or trip. time: ISO 8601, "" =
    none. facts: the numbers in the text, exact, by name.
    """

    stage: str
    time: str
    text: str
    facts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chain:
    """What was asked for, and its chain from the bar to the entries."""

    subject: str
    run_id: str
    mode: str
    exchange: str
    wallet: str
    symbol: str
    links: tuple[Link, ...]


@dataclass(frozen=True)
class Decided:
    """Where the decision behind an order or fill is to be looked for. close_ms: close of its bar."""

    session: Session
    wallet: str
    symbol: str
    close_ms: int


def why(ledger: ReportLedger, entries: Entries, asked: str) -> Chain:
    """Return the chain of an order, named by the beginning of its client id, key or venue id, or of a fill, named by its
    transaction or as SYMBOL@TIME. Raises UsageError where there is none, or more than one.
    """
    sessions = ledger.sessions()
    orders = _named_orders(ledger, sessions, asked.strip())
    fills = [] if orders else _named_fills(ledger, sessions, asked.strip())
    # Fills that a venue made are told with their order, all of it.
    sold = {str(row["client_id"]) for session, row in fills for row in _at_venue(ledger, session, [row["txn"]])}
    orders = orders or [one for one in map(ledger.order, sorted(sold)) if one is not None]
    if len(orders) > 1:
        raise UsageError(f"`{asked}` could be {len(orders)} orders", *_which(one.ticket.client_id for one in orders))
    if orders:
        return _order_chain(ledger, entries, {one.run_id: one for one in sessions}[orders[0].ticket.run_id], orders[0])
    if len(fills) > 1:
        raise UsageError(f"`{asked}` could be {len(fills)} fills", *_which(str(row["txn"]) for _, row in fills))
    if not fills:
        raise UsageError(
            f"no session has an order or fill `{asked}`",
            "`trader report orders` lists the orders, `trader report --run RUN` a session",
            "a fill is named by its transaction or as SYMBOL@TIME, e.g. `BTC/USD@2026-11-20T10:00`",
            "why nothing was traded then says `trader report why-not SYMBOL@TIME`",
        )
    return _fill_chain(ledger, entries, *fills[0])


def _which(names: Iterator[str] | Any) -> tuple[str, ...]:
    return tuple(f"`trader report why {name}`" for name in list(names)[:3])


def _named_orders(ledger: ReportLedger, sessions: Sequence[Session], asked: str) -> list[OrderRecord]:
    if not asked:
        return []
    # All client ids of ours begin alike: what follows will do.
    hits = [*ledger.find_orders(asked), *ledger.find_orders(f"{CLIENT_PREFIX}-{asked}")]
    if not hits:
        orders = (one for session in sessions for one in ledger.orders(session.run_id))
        hits = [one for one in orders if one.ticket.key.startswith(asked)]
    found = {one.ticket.client_id: one for one in hits}
    same = [one for one in found.values() if asked in (one.ticket.client_id, one.ticket.key, one.venue_id)]
    return same or list(found.values())


def _named_fills(
    ledger: ReportLedger, sessions: Sequence[Session], asked: str
) -> list[tuple[Session, Mapping[str, Any]]]:
    symbol, at, moment = asked.rpartition("@")
    wanted_ms = moment_ms(moment) if at else None
    found = []
    for session in sessions:
        bar_ms = Timeframe.parse(session.timeframe).ms
        for row in ledger.rows("fills", session.run_id):
            if asked.isdecimal() and row["txn"] == int(asked):
                found.append((session, row))
            if wanted_ms is not None and row["symbol"] == symbol and row["time_ms"] // bar_ms == wanted_ms // bar_ms:
                found.append((session, row))
    exactly = [pair for pair in found if pair[1]["time_ms"] == wanted_ms]
    return exactly or found


def moment_ms(text: str) -> int | None:
    """Return a moment in ISO 8601 as ms UTC, None for what is none."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(aware.timestamp()) * 1000


def _order_chain(ledger: ReportLedger, entries: Entries, session: Session, order: OrderRecord) -> Chain:
    ticket = order.ticket
    decided = Decided(session, ticket.wallet, ticket.symbol, ticket.bar_ms)
    fills = [row for row in ledger.venue_fills(session.run_id) if row["client_id"] == ticket.client_id]
    links = [
        *_decision(ledger, decided),
        _order_rule(order),
        Link(
            "ticket",
            time_text(ticket.created_ms),
            f"written down as {ticket.client_id} before it was sent; the venue takes it until"
            f" {time_text(ticket.deadline_ms)}",
            {"key": ticket.key, "client_id": ticket.client_id},
        ),
        *(
            Link(
                "event",
                time_text(one.time_ms),
                f"{one.state}{f', {exact(one.filled)} filled' if one.filled else ''}{_said(one.message)}",
                {"state": str(one.state), "venue_id": one.venue_id, "filled": exact(one.filled)},
            )
            for one in order.events
        ),
        *(_trade(row) for row in fills),
        *_booked(ledger, entries, session, [int(row["txn"]) for row in fills]),
    ]
    return Chain(
        f"order {ticket.client_id}", session.run_id, session.mode, session.exchange, *_place(decided), tuple(links)
    )


def _fill_chain(ledger: ReportLedger, entries: Entries, session: Session, row: Mapping[str, Any]) -> Chain:
    # A simulated fill happens at its bar's open, which is the close that was decided on.
    decided = Decided(session, str(row["wallet"]), str(row["symbol"]), int(row["time_ms"]))
    reason, kind = Reason(row["reason"]), OrderKind(row["kind"]).name.lower()
    side = "buy" if row["side"] > 0 else "sell"
    what = f"{kind} {side} by {reason.label}"
    if reason in _LEVELS:
        what += ": a level in the book was reached inside the bar"
    links = [
        *_decision(ledger, decided),
        Link("rule", "", what, {"side": side, "kind": kind, "reason": reason.label}),
        *_booked(ledger, entries, session, [int(row["txn"])]),
    ]
    subject = f"fill {row['txn']}, simulated"
    return Chain(subject, session.run_id, session.mode, session.exchange, *_place(decided), tuple(links))


def _place(decided: Decided) -> tuple[str, str]:
    return decided.wallet, decided.symbol


def _decision(ledger: ReportLedger, decided: Decided) -> Iterator[Link]:
    """Yield bar, signal, conflicts and limits."""
    close = time_text(decided.close_ms)
    step = step_of(ledger, decided)
    if step is None:
        yield Link("bar", close, "no step of the session decided on the bar that closed then")
        return
    facts = {"step": str(step.seq), "decided": time_text(step.time_ms)}
    mark = _mark(decided, step)
    closed = f"{decided.symbol} closed at {mark}, " if mark else ""
    yield Link("bar", close, f"{closed}decided on {facts['decided']} in step {step.seq}", {**facts, "close": mark})
    yield _signal(step, decided)
    events = [one for one in ledger.rows("risk_events", decided.session.run_id) if is_meant(one, decided)]
    for one in events:
        if one["kind"] == "conflict":
            yield spoke("conflict", one)
    spoken = [one for one in events if one["kind"] != "conflict"]
    for one in spoken:
        yield spoke("limit", one)
    if not spoken:
        yield Link("limit", "", "no limit refused or stopped anything here at that bar")


def step_of(ledger: ReportLedger, decided: Decided) -> Step | None:
    """Return the step that decided on the bar: the first that knows of it."""
    bar_ms = Timeframe.parse(decided.session.timeframe).ms
    open_ms = decided.close_ms - bar_ms
    newest = ledger.last_step(decided.session.run_id)
    back = max(newest.bar_ms - open_ms, 0) // bar_ms + 2
    steps = ledger.steps(decided.session.run_id, back * _STEPS_A_BAR)
    return min((one for one in steps if one.bar_ms == open_ms), key=lambda one: one.seq, default=None)


def _mark(decided: Decided, step: Step) -> str:
    if decided.symbol not in step.symbols:
        return ""
    units = step.marks[step.symbols.index(decided.symbol)]
    known = {one.symbol: one for one in decided.session.instruments}
    return exact(units, known.get(decided.symbol, Instrument(decided.symbol)).price_decimals) if units else ""


def _signal(step: Step, decided: Decided) -> Link:
    said = noted(step, "decisions", decided.wallet, decided.symbol)
    if not isinstance(said, Mapping):
        return Link("signal", "", "what the strategies said at that bar was not kept")
    facts = {key: _plain(value) for key, value in said.items()}
    sure = f" with confidence {facts['confidence']}" if "confidence" in facts else ""
    who = facts.get("strategy", "") or decided.session.strategy
    return Link("signal", "", f"{who} wants to hold {facts.get('level', '?')} of its share{sure}", facts)


def _plain(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def is_meant(event: Mapping[str, Any], decided: Decided) -> bool:
    """Tell whether a risk event speaks of this symbol and wallet at this close."""
    here = event["symbol"] in ("", decided.symbol) and event["wallet"] in ("", ALL, decided.wallet)
    return bool(here and event["time_ms"] <= decided.close_ms <= event["last_ms"])


def spoke(stage: str, event: Mapping[str, Any]) -> Link:
    """Return a risk event as a link, with its number and its limit."""
    unit = f" {event['unit']}" if event["unit"] else ""
    measured = [
        f"{name} {event[key]}{unit}" for name, key in (("measured", "number"), ("limit", "limit")) if event[key]
    ]
    numbers = f" ({', '.join(measured)})" if measured else ""
    keys = ("rule", "number", "limit", "unit", "strategy")
    text = f"{str(event['rule']).replace('_', ' ')}: {event['message']}{numbers}"
    return Link(stage, time_text(event["time_ms"]), text, {key: str(event[key]) for key in keys if event[key]})


def _order_rule(order: OrderRecord) -> Link:
    ticket = order.ticket
    places = ticket.price_decimals
    side = "buy" if ticket.side > 0 else "sell"
    level = ticket.trigger if ticket.kind is TicketKind.STOP else ticket.price
    text = f"{ticket.purpose} by {Reason(ticket.reason).label}: {ticket.kind} {side} of {exact(ticket.quantity)}"
    facts = {"quantity": exact(ticket.quantity), "kind": str(ticket.kind), "purpose": str(ticket.purpose)}
    if level:
        text += f" at {exact(level, places)}"
        facts["level"] = exact(level, places)
    if level and ticket.arrival:
        off = Decimal((level - ticket.arrival) * 10_000) / Decimal(ticket.arrival)
        text += f", {off:+.1f} bps from the price at the decision, {exact(ticket.arrival, places)}"
        facts["arrival"] = exact(ticket.arrival, places)
    return Link("rule", "", text, facts)


def _said(message: str) -> str:
    return f": {message}" if message else ""


def _trade(row: Mapping[str, Any]) -> Link:
    trade = trade_of(row)
    fee = f", fee {decimal_text(trade.fee)} {trade.fee_asset}" if trade.fee else ", no fee"
    how = "" if trade.maker is None else ", as maker" if trade.maker else ", as taker"
    facts = {"trade_id": trade.trade_id, "cost": decimal_text(trade.cost)}
    return Link(
        "trade",
        time_text(trade.time_ms),
        f"{decimal_text(trade.quantity)} at {decimal_text(trade.price)}{fee}{how}",
        facts,
    )


def _at_venue(ledger: ReportLedger, session: Session, transactions: Sequence[int]) -> list[Mapping[str, Any]]:
    return [row for row in ledger.venue_fills(session.run_id) if row["txn"] in transactions]


def _booked(ledger: ReportLedger, entries: Entries, session: Session, transactions: Sequence[int]) -> Iterator[Link]:
    """Yield fills, entries and the round trip they belong to."""
    fills = [row for row in ledger.rows("fills", session.run_id) if row["txn"] in transactions]
    for row in fills:
        price = exact(row["price"], row["price_decimals"])
        money = f"{exact(row['notional'])} {session.quote}, fee {exact(row['fee'])}"
        verb = "bought" if row["side"] > 0 else "sold"
        text = f"{verb} {exact(row['quantity'])} at {price}: {money}, transaction {row['txn']}"
        yield Link("fill", time_text(row["time_ms"]), text, {"transaction": str(row["txn"])})
    for entry in entries(transactions) if transactions else ():
        amount = exact(entry["amount"])
        signed = amount if amount.startswith("-") else f"+{amount}"
        text = f"{signed} {entry['asset']} {entry['account']}"
        yield Link("entry", "", text, {"transaction": str(entry["txn"])})
    if fills:
        yield _trip(ledger, session, fills[0])


def _trip(ledger: ReportLedger, session: Session, fill: Mapping[str, Any]) -> Link:
    for trip in ledger.rows("trades", session.run_id):
        same = trip["symbol"] == fill["symbol"] and trip["wallet"] == fill["wallet"]
        if same and trip["entry_ms"] <= fill["time_ms"] <= trip["exit_ms"] and fill["txn"] <= trip["closing_txn"]:
            brought = f"{exact(trip['pnl'])} {session.quote}"
            text = f"{trip['strategy']}: {brought} in {trip['bars']} bars, closed by {Reason(trip['reason']).label}"
            return Link(
                "trip", time_text(trip["exit_ms"]), text, {"pnl": exact(trip["pnl"]), "fees": exact(trip["fees"])}
            )
    return Link("trip", "", "its round trip is still under way")
