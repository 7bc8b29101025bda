"""The life of an order at a venue: found again where its fate is open, followed to its end, cancelled, and booked.

An order is committed to the ledger before its one request leaves. What comes back is believed only where it proves
something; everything else is an open question, asked again by client id once the venue can no longer take the order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from trader_cli.engine.settle import finish_order, set_late
from trader_cli.engine.state import ORDER_MS, ORDER_QUANTITY, ORDER_SIDE, QUANTITY
from trader_cli.errors import TimeUpError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.ports import TradeLedger, Venue
from trader_cli.jobs.venue_fills import book_trades, units_of
from trader_cli.model.fills import Reason
from trader_cli.model.instrument import QUANTITY_ONE
from trader_cli.model.orders import Cancelled, OrderState, Purpose, Resolution, VenueOrder
from trader_cli.model.risk import ALL
from trader_cli.model.session import OrderEvent, OrderRecord, Session

CANCEL_ASKED = "cancellation asked"
_WISHES = (Reason.STRATEGY, Reason.REBALANCE)
_LOOKS = 5
_LOOK_MS = 250


@dataclass(frozen=True)
class Terms:
    """How orders are sent, as the configuration and the record of former orders say.

    limits: entries go as limits, `limit_bps` through the close. ioc, buffer: what R1.10's switches and the order counter ask
    for; buffer multiplies the venue's minimums. band_bps: how far the book may be from the close. tolerance: in quote, below
    which a difference of balances is dust. deadline_ms: how long the venue may take an order; margin_ms: how long after it we
    wait before an answer proves absence. skew_ms: most that the clocks may differ. reasons: why ioc and buffer are as they are.
    """

    limits: bool
    limit_bps: Decimal
    ioc: bool
    ioc_above_pct: float
    buffer: Decimal
    tries: int
    band_bps: Decimal
    tolerance: Decimal
    deadline_ms: int
    margin_ms: int
    skew_ms: int
    reasons: tuple[str, str] = ("", "")


class Accounts:
    """What the parts of the live broker share: the venue, the ledger, the terms, and how long this cycle may still take."""

    def __init__(self, venue: Venue, terms: Terms, sleep: Callable[[float], None], left_ms: Callable[[], int]) -> None:
        self.venue = venue
        self.terms = terms
        self.sleep = sleep
        self.left_ms = left_ms

    def pause(self, wait_ms: int) -> bool:
        """Wait, where the cycle has that long and can look after its orders then; tell whether it had."""
        if wait_ms <= 0:
            return True
        if not self.has_time(wait_ms):
            return False
        self.sleep(wait_ms / 1000)
        return True

    def has_time(self, wait_ms: int = 0) -> bool:
        """Tell whether an order sent that much later could still be followed to the end of its deadline."""
        return wait_ms + self.terms.deadline_ms + self.terms.margin_ms <= self.left_ms()

    def may_place(self, symbol: str) -> bool:
        """Wait for an order's turn; tell whether it may go now."""
        return self.pause(self.venue.wait_ms("place", symbol)) and self.has_time()


@dataclass(frozen=True)
class Recovered:
    """questions: symbols with an order whose fate stays open, and why. absent: symbols with one that never reached the venue;
    nothing is sent there in this run, the next one decides afresh.
    """

    questions: dict[str, str]
    absent: set[str]


def recover(at: Accounts, session: Session, ledger: TradeLedger) -> Recovered:
    """Ask what became of every order whose fate is open."""
    done = Recovered({}, set())
    for record in ledger.orders(session.run_id, open_only=True):
        if record.state.is_unresolved:
            said = _resolve(at, record, ledger, done)
            if said:
                done.questions[record.ticket.symbol] = said
    return done


def _resolve(at: Accounts, record: OrderRecord, ledger: TradeLedger, done: Recovered) -> str:
    """Find an order by its client id; return why its fate is still open, "" when it is known now."""
    ticket = record.ticket
    ready_ms = ticket.deadline_ms + at.terms.margin_ms
    missed = 0
    try:
        while True:
            late = at.venue.now_ms() >= ready_ms
            found = at.venue.find(ticket.client_id, ticket.symbol)
            now = at.venue.now_ms()
            if found is not None:
                event = OrderEvent(
                    ticket.client_id, now, OrderState.OPEN, found.venue_id, record.filled, "found by its client id"
                )
                ledger.note_orders([event])
                return ""
            missed = missed + 1 if late else 0
            if missed >= 2:
                text = "the venue has no such order, asked twice after its deadline"
                ledger.note_orders([OrderEvent(ticket.client_id, now, OrderState.ABSENT, "", 0, text)])
                done.absent.add(ticket.symbol)
                return ""
            # Reads may lag behind: the second look comes later than the first.
            wait = at.terms.margin_ms if late else max(ready_ms - now, at.terms.margin_ms)
            if not at.pause(wait):
                return f"order {ticket.client_id} may still reach the venue, and this cycle has no time left to wait"
    except TimeUpError:
        raise
    except VenueError as error:
        if error.resolution == Resolution.HALT_ALL:
            ledger.halt(at.venue.now_ms(), ALL, error.message, rule=error.pattern)
        return f"order {ticket.client_id} cannot be looked up: {error.message}"


def follow(at: Accounts, desk: Desk, record: OrderRecord, order: VenueOrder) -> OrderState:
    """Book what an order did, and its end where it ended; return what is known of it now.

    An order is only closed once its trades add up to what it says it filled.
    """
    ticket = record.ticket
    filled = units_of(order.filled, QUANTITY_ONE, ROUND_HALF_EVEN)
    done = record.booked
    if filled > 0 and (filled != done or not order.is_working):
        done = book_trades(at.venue, desk, record, order)
        waits = 0
        # Trades may be shown later than what they add up to; what they bought wants its stop now, not at the next cycle.
        while done < filled and waits < _LOOKS and at.pause(_LOOK_MS << waits):
            waits += 1
            done = book_trades(at.venue, desk, record, order)
    if order.is_working or done != filled:
        if filled != record.filled:
            _learn(at, desk, record, OrderState.OPEN, order.venue_id, filled, "filled in part")
        if done != filled:
            desk.asks(ticket.symbol, f"order {ticket.client_id} filled {order.filled}, its trades are not there yet")
        return OrderState.OPEN
    whole = filled >= ticket.quantity
    state = OrderState.FILLED if whole else OrderState.CANCELLED
    if order.status == "rejected" and filled == 0:
        state = OrderState.REJECTED
    _learn(at, desk, record, state, order.venue_id, filled, "" if whole else f"the venue says {order.status}")
    ended(desk, record, filled)
    return state


def _learn(
    at: Accounts, desk: Desk, record: OrderRecord, state: OrderState, venue_id: str, filled: int, message: str
) -> None:
    desk.outcomes.append(OrderEvent(record.ticket.client_id, at.venue.now_ms(), state, venue_id, filled, message))


def ended(desk: Desk, record: OrderRecord, filled: int) -> None:
    """Draw the conclusions of an order that is over: its row is free again, or what did not sell is asked for again."""
    ticket = record.ticket
    row = desk.row_of(ticket.wallet, ticket.symbol)
    position = desk.book.position[row]
    if ticket.purpose is Purpose.ENTRY:
        if position[ORDER_SIDE] > 0 and position[ORDER_MS] == ticket.bar_ms:
            finish_order(row, desk.book)
    elif ticket.purpose is Purpose.EXIT:
        if position[ORDER_SIDE] < 0:
            # What is sold is not asked for again, should another order have to sell the rest.
            position[ORDER_QUANTITY] = max(int(position[ORDER_QUANTITY]) - filled, 0)
        if position[ORDER_SIDE] < 0 and (position[ORDER_QUANTITY] == 0 or position[QUANTITY] == 0):
            finish_order(row, desk.book)
        elif position[QUANTITY] > 0 and Reason(ticket.reason) not in _WISHES:
            set_late(row, ticket.reason, desk.book)
    elif ticket.purpose is Purpose.STOP and filled == 0 and not was_asked(record):
        # Not by us: by hand, by the venue, or because its twin filled. The last is seen by the position being gone.
        desk.note("vanished", row, int(desk.noted("vanished", row) or 0) + 1)


def was_asked(record: OrderRecord) -> bool:
    """Tell whether we ever asked for an order's cancellation."""
    return any(one.message == CANCEL_ASKED for one in record.events)


def look_at(at: Accounts, record: OrderRecord) -> VenueOrder | None:
    """Ask for an order that the venue accepted, a few times where it is not visible yet; None = still not."""
    for attempt in range(_LOOKS):
        order = at.venue.order(record.venue_id, record.ticket.symbol)
        if order is not None:
            return order
        if attempt + 1 < _LOOKS and not at.pause(_LOOK_MS << attempt):
            return None
    return None


def outlived(at: Accounts, record: OrderRecord) -> VenueOrder:
    """Return an accepted order that the venue no longer shows: over long ago, and its trades say what it filled (C16)."""
    ticket = record.ticket
    quantity = Decimal(ticket.quantity) / QUANTITY_ONE
    order = VenueOrder(
        record.venue_id,
        ticket.client_id,
        ticket.symbol,
        ticket.side,
        "open",
        quantity,
        Decimal(0),
        Decimal(0),
        Decimal(0),
        ticket.created_ms,
    )
    filled = sum((one.quantity for one in at.venue.trades(order)), Decimal(0))
    known = Decimal(record.filled) / QUANTITY_ONE
    return replace(order, status="cancelled", filled=max(filled, known))


def cancel(at: Accounts, desk: Desk, record: OrderRecord) -> bool:
    """Cancel one own order and book what it did until then; tell whether it is over.

    That a cancellation is asked is known before it is: an order that is gone without it has vanished.
    """
    ticket = record.ticket
    now = at.venue.now_ms()
    asked = OrderEvent(ticket.client_id, now, OrderState.OPEN, record.venue_id, record.filled, CANCEL_ASKED)
    desk.ledger.note_orders([asked])
    # As the ledger has it now: what ends an order that we asked to cancel is not a stop that vanished.
    record = replace(record, events=(*record.events, asked))
    for _ in range(2):
        if not at.pause(at.venue.wait_ms("cancel", ticket.symbol)):
            break
        answer = at.venue.cancel(record.venue_id, ticket.symbol)
        order = look_at(at, record)
        waited = 0
        while order is not None and order.is_working and answer is not Cancelled.UNKNOWN and waited < _LOOKS:
            at.pause(_LOOK_MS << waited)
            waited += 1
            order = look_at(at, record)
        if order is not None and not order.is_working:
            return follow(at, desk, record, order).is_final
    desk.asks(ticket.symbol, f"whether order {ticket.client_id} is cancelled is not known")
    return False
