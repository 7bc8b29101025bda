"""One order to the venue: committed before its one request leaves, and what its answer means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trader_cli.engine.state import CLOSE
from trader_cli.errors import RiskError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.refusing import defer, drop, say
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

LATE = "deadline_elapsed"
TAKEN = "duplicate_id"
_TRIGGERED = "would_trigger"
_WRONG = "wrong_answer"
"""Rows of the error table that ask for more than their resolution says."""
_BREATH_MS = 1_000


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


def send(at: Accounts, desk: Desk, row: int, first: Ticket, twin: Ticket | None = None) -> OrderRecord | Answer:
    """Commit an order and send it with one request; return its record where the venue took it, else what it answered.

    twin: the target that goes with a stop, in the same request. Only what the venue provably refused for a passing reason is
    tried again, as an order of its own, `tries` times at most.
    """
    tickets = [first] if twin is None else [first, twin]
    answer = Answer(OrderState.REJECTED)
    for attempt in range(at.terms.tries):
        if attempt:
            tickets = [_again(at, one) for one in tickets]
        new = [desk.ledger.add_ticket(one) for one in tickets]
        if not all(new):
            # Decided and sent before, by this run or another: its fate is followed, never sent again.
            desk.asks(first.symbol, f"order {tickets[0].client_id} was sent before, and what became of it is not known")
            return Answer(OrderState.UNKNOWN)
        answer = _placed(at, desk, tickets)
        _note(at, desk, tickets, answer)
        if answer.state is OrderState.OPEN:
            return OrderRecord(tickets[0], OrderState.OPEN, answer.venue_id.split(",")[0], 0, 0, ())
        if answer.pattern == _WRONG:
            say(desk, row, _WRONG, "", "", "", f"an answer that is not ours to have: {answer.message}", kind="alarm")
        if answer.state is OrderState.UNKNOWN:
            text = f"what became of order {tickets[0].client_id} is not known: {answer.message}"
            desk.asks(first.symbol, text)
            return answer
        if attempt + 1 < at.terms.tries and not _may_try_again(at, first, answer, attempt):
            break
    _refused(at, desk, row, tickets[0], answer)
    return answer


def _again(at: Accounts, ticket: Ticket) -> Ticket:
    """Return the next try of a refused order: an order of its own, with the next number and a new deadline."""
    start, _, number = ticket.key.rpartition("|")
    key = f"{start}|{int(number) + 1}"
    now = at.venue.now_ms()
    deadline_ms = now + at.terms.deadline_ms
    return replace(ticket, key=key, client_id=client_id_of(key), created_ms=now, deadline_ms=deadline_ms)


def _placed(at: Accounts, desk: Desk, tickets: Sequence[Ticket]) -> Answer:
    """Send one order or a pair, and find out at once what its answer leaves open where one question can."""

    def ask() -> Answer:
        return at.venue.place(tickets[0]) if len(tickets) == 1 else at.venue.place_pair(*tickets)

    answer = ask()
    if answer.state is OrderState.REJECTED and answer.resolution is Resolution.RESYNC and _in_step(at, desk):
        # Proven not to be carried out, for the clock's or the nonce's sake alone: the same order once more, with its id.
        desk.ledger.record_event(at.venue.now_ms(), "venue_error", f"{answer.pattern}: {answer.message}")
        answer = ask()
    if answer.state is OrderState.UNKNOWN and answer.pattern in (LATE, TAKEN):
        return _looked_up(at, tickets, answer)
    return answer


def _in_step(at: Accounts, desk: Desk) -> bool:
    """Ask the venue's clock; one too far off halts everything."""
    skew = at.venue.skew_ms()
    if abs(skew) <= at.terms.skew_ms:
        return True
    text = f"this machine's clock is {skew} ms off the venue's, at most {at.terms.skew_ms} are allowed"
    desk.ledger.halt(at.venue.now_ms(), ALL, text, rule="clock_skew", number=str(skew), unit="ms")
    desk.fails(RiskError.exit_code, text)
    return False


def _looked_up(at: Accounts, tickets: Sequence[Ticket], answer: Answer) -> Answer:
    """Return what a look shows of an order whose answer says that an earlier one arrived, or that it came too late."""
    try:
        found = [at.venue.find(one.client_id, one.symbol) for one in tickets]
    except VenueError:
        return answer
    ids = [one.venue_id for one in found if one is not None]
    if len(ids) == len(tickets):
        return replace(answer, state=OrderState.OPEN, venue_id=",".join(ids))
    if not ids and answer.pattern == LATE:
        return replace(answer, state=OrderState.REJECTED, resolution=Resolution.SKIP_SYMBOL)
    return answer


def _note(at: Accounts, desk: Desk, tickets: Sequence[Ticket], answer: Answer) -> None:
    now = at.venue.now_ms()
    ids = answer.venue_id.split(",") if answer.state is OrderState.OPEN else [""] * len(tickets)
    # Refusals are counted by the name of their pattern; what the venue said stands beside it.
    said = f"{answer.pattern}: {answer.message}" if answer.pattern else answer.message
    desk.ledger.note_orders(
        [
            OrderEvent(one.client_id, now, answer.state, venue_id, 0, said)
            for one, venue_id in zip(tickets, ids, strict=True)
        ]
    )
    if answer.pattern:
        desk.ledger.record_event(now, "venue_error", said)


def _may_try_again(at: Accounts, ticket: Ticket, answer: Answer, attempt: int) -> bool:
    """Tell whether a refused order may be tried once more, waiting where that is asked."""
    if answer.resolution is Resolution.WAIT:
        return at.pause(max(answer.retry_ms - at.venue.now_ms(), _BREATH_MS))
    if ticket.purpose is Purpose.STOP and answer.resolution is Resolution.SKIP_SYMBOL and answer.pattern != _TRIGGERED:
        # What a cancellation has just set free may not be free everywhere yet.
        return at.pause(_BREATH_MS << attempt)
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
    if ticket.purpose not in (Purpose.ENTRY, Purpose.EXIT):
        return
    if answer.resolution is Resolution.WAIT:
        defer(desk, row, answer.message)
    else:
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
        desk.asks(record.ticket.symbol, f"the venue does not show order {record.ticket.client_id} that it accepted")
        return False
    return follow(at, desk, record, order).is_final
