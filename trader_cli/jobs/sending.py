"""One order to the venue: committed before its one request leaves, and what its answer means."""

from __future__ import annotations

from dataclasses import replace

from trader_cli.engine.state import CLOSE
from trader_cli.errors import RiskError, UnresolvedError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.refusing import drop
from trader_cli.jobs.venue_orders import Accounts, follow, look_at
from trader_cli.model.orders import (
    Answer,
    OrderState,
    Purpose,
    Resolution,
    Ticket,
    TicketKind,
    client_id_of,
)
from trader_cli.model.risk import ALL
from trader_cli.model.session import OrderEvent, OrderRecord


def ticket_for(
    at: Accounts,
    desk: Desk,
    row: int,
    purpose: Purpose,
    kind: TicketKind,
    side: int,
    quantity: int,
    reason: int,
    number: int,
    *,
    price: int = 0,
    trigger: int = 0,
) -> Ticket:
    """Return the order to send; its key says which decision it belongs to."""
    wallet, symbol = desk.name_of(row)
    key = f"{desk.session.run_id}|{wallet}|{symbol}|{desk.close_ms}|{purpose}|{number}"
    one = desk.instrument(row)
    now = at.venue.now_ms()
    return Ticket(
        key=key,
        client_id=client_id_of(key),
        run_id=desk.session.run_id,
        wallet=wallet,
        symbol=symbol,
        side=side,
        kind=kind,
        purpose=purpose,
        reason=reason,
        quantity=quantity,
        price=price,
        trigger=trigger,
        price_decimals=one.price_decimals,
        arrival=one.price_units(float(desk.scene.market.prices[CLOSE, desk.bar, row])),
        bar_ms=desk.close_ms,
        created_ms=now,
        deadline_ms=now + at.terms.deadline_ms,
    )


def next_number(desk: Desk, row: int, purpose: Purpose) -> int:
    """Return which order of this purpose comes next in this bar: what ended before may be followed by another."""
    wallet, symbol = desk.name_of(row)
    start = f"{desk.session.run_id}|{wallet}|{symbol}|{desk.close_ms}|{purpose}|"
    mine = [one for one in desk.ledger.orders(desk.session.run_id) if one.ticket.key.startswith(start)]
    return 1 + max((int(one.ticket.key.rpartition("|")[2]) for one in mine), default=0)


def send(at: Accounts, desk: Desk, row: int, first: Ticket, numbered: int) -> OrderRecord | None:
    """Commit an order and send it with one request; return its record where the venue took it.

    Only what the venue provably refused for a passing reason is tried again, as an order of its own, `tries` times at most.
    """
    ticket = first
    for attempt in range(at.terms.tries):
        if attempt:
            now = at.venue.now_ms()
            key = first.key.rpartition("|")[0] + f"|{numbered + attempt}"
            ticket = replace(
                first,
                key=key,
                client_id=client_id_of(key),
                created_ms=now,
                deadline_ms=now + at.terms.deadline_ms,
            )
        if not desk.ledger.add_ticket(ticket):
            # Decided and sent before, by this run or another: its fate is followed, never sent again.
            return None
        answer = at.venue.place(ticket)
        _note(at, desk, ticket, answer)
        if answer.state is OrderState.OPEN:
            return OrderRecord(ticket, OrderState.OPEN, answer.venue_id, 0, 0, ())
        if answer.state is OrderState.UNKNOWN:
            text = f"what became of order {ticket.client_id} is not known: {answer.message}"
            desk.blocked[ticket.symbol] = text
            desk.fails(UnresolvedError.exit_code, text)
            return None
        if not _may_try_again(at, desk, answer):
            break
    _refused(at, desk, row, ticket, answer)
    return None


def _note(at: Accounts, desk: Desk, ticket: Ticket, answer: Answer) -> None:
    # Refusals are counted by the name of their pattern; what the venue said stands beside it.
    said = f"{answer.pattern}: {answer.message}" if answer.pattern else answer.message
    event = OrderEvent(ticket.client_id, at.venue.now_ms(), answer.state, answer.venue_id, 0, said)
    desk.ledger.note_orders([event])
    if answer.pattern:
        desk.ledger.record_event(at.venue.now_ms(), "venue_error", said)


def _may_try_again(at: Accounts, desk: Desk, answer: Answer) -> bool:
    """Tell whether a refused order may be tried once more, waiting or setting the clock where that is asked."""
    if answer.resolution is Resolution.RESYNC:
        skew = at.venue.skew_ms()
        if abs(skew) > at.terms.skew_ms:
            text = f"this machine's clock is {skew} ms off the venue's, at most {at.terms.skew_ms} are allowed"
            desk.ledger.halt(at.venue.now_ms(), ALL, text, rule="clock_skew", number=str(skew), unit="ms")
            desk.fails(RiskError.exit_code, text)
            return False
        return True
    if answer.resolution is Resolution.RETRY:
        return at.pause(max(answer.retry_ms - at.venue.now_ms(), 0))
    return False


def _refused(at: Accounts, desk: Desk, row: int, ticket: Ticket, answer: Answer) -> None:
    """Draw the conclusions of a refusal: what it taught, what must stop."""
    now = at.venue.now_ms()
    if answer.minimum > 0:
        desk.ledger.learn_minimum(now, at.venue.id, ticket.symbol, answer.minimum, answer.message)
    if answer.resolution in (Resolution.HALT_ALL, Resolution.HALT_WALLET):
        scope = ALL if answer.resolution is Resolution.HALT_ALL else ticket.wallet
        desk.ledger.halt(now, scope, f"the venue refused an order: {answer.message}", rule=answer.pattern)
        desk.fails(RiskError.exit_code, f"{ticket.symbol}: halted, the venue refused an order: {answer.message}")
    else:
        desk.fails(VenueError.exit_code, f"{ticket.symbol}: the venue refused an order: {answer.message}")
    if answer.resolution in (Resolution.WAIT, Resolution.SKIP_CYCLE) and answer.retry_ms > now:
        desk.notes["retry_ms"] = answer.retry_ms
    if ticket.purpose in (Purpose.ENTRY, Purpose.EXIT):
        drop(desk, row, "refused_by_venue", f"the venue refused the order: {answer.message}")


def sent(at: Accounts, desk: Desk, record: OrderRecord) -> bool:
    """Read an accepted order and book what it did already; tell whether it is over."""
    order = look_at(at, record)
    waited = 0
    at_once = record.ticket.kind in (TicketKind.MARKET, TicketKind.IOC)
    while order is not None and order.is_working and at_once and waited < 4 and at.pause(250 << waited):
        waited += 1
        order = look_at(at, record)
    if order is None:
        return False
    return follow(at, desk, record, order).is_final
