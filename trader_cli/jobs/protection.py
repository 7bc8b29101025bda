"""Protection at the venue: a stop, and a target where both can rest, of the size that is held; or out of the position."""

from __future__ import annotations

from trader_cli.engine.late import resting_levels
from trader_cli.engine.settle import order_exit
from trader_cli.engine.state import QUANTITY
from trader_cli.errors import RiskError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.placing import leave
from trader_cli.jobs.refusing import say
from trader_cli.jobs.sending import next_number, send, ticket_for
from trader_cli.jobs.venue_orders import Accounts, cancel
from trader_cli.model.fills import Reason
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind
from trader_cli.model.session import OrderEvent, OrderRecord
from trader_cli.money import step_down, step_up


def resting(desk: Desk, row: int) -> list[OrderRecord]:
    """Return the orders of ours that protect a row at the venue, as far as the ledger knows."""
    wallet, symbol = desk.name_of(row)
    return [
        one
        for one in desk.ledger.orders(desk.session.run_id, open_only=True)
        if one.ticket.purpose in (Purpose.STOP, Purpose.TARGET)
        and (one.ticket.wallet, one.ticket.symbol) == (wallet, symbol)
        and not one.state.is_final
        and not _is_over(desk, one)
    ]


def _is_over(desk: Desk, record: OrderRecord) -> bool:
    """Tell whether its end is known but not yet committed."""
    return any(one.client_id == record.ticket.client_id and one.state.is_final for one in desk.outcomes)


def protect(at: Accounts, desk: Desk) -> None:
    """Let every held position's stop rest at the venue; take back what protects nothing any more."""
    for row in range(len(desk.book.position)):
        symbol = desk.name_of(row)[1]
        if symbol in desk.blocked:
            continue
        held = step_down(int(desk.book.position[row, QUANTITY]), desk.instrument(row).lot_units)
        there = resting(desk, row)
        if held == 0:
            for record in there:
                cancel(at, desk, record)
            desk.note("vanished", row, None)
            desk.note("protection", row, None)
        else:
            _protect(at, desk, row, held, there)


def _protect(at: Accounts, desk: Desk, row: int, held: int, there: list[OrderRecord]) -> None:
    position = desk.book.position[row]
    one = desk.instrument(row)
    stop, aim = resting_levels(row, desk.book)
    if stop == 0:
        return
    # Rounded up: a stop between two ticks sells earlier, never later.
    level = step_up(stop, one.tick_units)
    rules = at.venue.rules([one.symbol]).get(one.symbol)
    target = step_up(aim, one.tick_units) if rules is not None and rules.pairs else 0
    wanted = {Purpose.STOP: level} | ({Purpose.TARGET: target} if target else {})
    stands = {record.ticket.purpose: record.ticket.trigger or record.ticket.price for record in there}
    if stands == wanted and all(record.ticket.quantity == held for record in there):
        return
    for record in there:
        if not cancel(at, desk, record):
            return
    held = step_down(int(position[QUANTITY]), one.lot_units)
    if held == 0:
        return
    if int(desk.noted("vanished", row) or 0) > 1:
        text = "its stop vanished from the venue twice; it is not made a third time"
        say(desk, row, "stop_vanished", "2", "1", "", text, kind="alarm")
        desk.fails(RiskError.exit_code, f"{one.symbol}: {text}")
        return
    _place(at, desk, row, held, level, target)


def _place(at: Accounts, desk: Desk, row: int, held: int, level: int, target: int) -> None:
    one = desk.instrument(row)
    if market_is_under(at, desk, row, level):
        # The venue would trigger it at once: the level is passed, so the position leaves by the market.
        _emergency(at, desk, row, Reason.STOP, "the market is under its stop already")
        return
    if not at.pause(at.venue.wait_ms("place")):
        desk.fails(VenueError.exit_code, f"{one.symbol}: the rate limit leaves no call for its stop in this cycle")
        return
    number = next_number(desk, row, Purpose.STOP)
    stop = ticket_for(at, desk, row, Purpose.STOP, TicketKind.STOP, -1, held, int(Reason.STOP), number, trigger=level)
    record = _send_pair(at, desk, row, stop, target, number) if target else send(at, desk, row, stop, number)
    if record is not None:
        desk.note("protection", row, {"stop": record.ticket.client_id})
    elif one.symbol not in desk.blocked:
        _emergency(at, desk, row, Reason.UNPROTECTED, "its stop could not be placed")


def _send_pair(at: Accounts, desk: Desk, row: int, stop: Ticket, target: int, number: int) -> OrderRecord | None:
    """Send a stop and a target that cancel each other: two orders of ours, one request."""
    twin = ticket_for(
        at,
        desk,
        row,
        Purpose.TARGET,
        TicketKind.LIMIT,
        -1,
        stop.quantity,
        int(Reason.TARGET),
        number,
        price=target,
    )
    if not (desk.ledger.add_ticket(stop) and desk.ledger.add_ticket(twin)):
        return None
    answer = at.venue.place_pair(stop, twin)
    now = at.venue.now_ms()
    desk.ledger.note_orders(
        [OrderEvent(one.client_id, now, answer.state, "", 0, answer.message) for one in (stop, twin)]
        if answer.state is not OrderState.OPEN
        else [
            OrderEvent(one.client_id, now, OrderState.OPEN, venue_id, 0, "")
            for one, venue_id in zip((stop, twin), answer.venue_id.split(","), strict=True)
        ]
    )
    if answer.state is OrderState.OPEN:
        return OrderRecord(stop, OrderState.OPEN, answer.venue_id.split(",")[0], 0, 0, ())
    if answer.state is OrderState.UNKNOWN:
        desk.blocked[stop.symbol] = f"what became of order {stop.client_id} is not known: {answer.message}"
        desk.fails(7, desk.blocked[stop.symbol])
    return None


def market_is_under(at: Accounts, desk: Desk, row: int, level: int) -> bool:
    """Tell whether the best bid is at the level or below it; an unsound book does not say so."""
    one = desk.instrument(row)
    try:
        bid = at.venue.price(one.symbol).bid
    except VenueError:
        return False
    return bid * one.price_one <= level


def _emergency(at: Accounts, desk: Desk, row: int, reason: Reason, why: str) -> None:
    """Leave a position that nothing protects, at the market, and say so."""
    symbol = desk.name_of(row)[1]
    say(desk, row, "emergency_exit", "", "", "", f"{why}: it is sold at the market", kind="alarm")
    desk.fails(RiskError.exit_code, f"{symbol}: {why}, it was sold at the market")
    order_exit(row, int(reason), desk.book)
    leave(at, desk, row, [])
