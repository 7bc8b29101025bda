"""Protection at the venue: a stop, and a target where both can rest, of the size that is held; or out of the position."""

from __future__ import annotations

from trader_cli.engine.late import resting_levels
from trader_cli.engine.settle import order_exit
from trader_cli.engine.state import QUANTITY
from trader_cli.errors import RiskError, TimeUpError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.placing import leave, shelve
from trader_cli.jobs.refusing import say, takes
from trader_cli.jobs.sending import next_number, send, ticket_for
from trader_cli.jobs.venue_orders import Accounts, cancel
from trader_cli.model.fills import Reason
from trader_cli.model.instrument import QUANTITY_ONE
from trader_cli.model.orders import Answer, OrderState, Purpose, Quote, Resolution, Ticket, TicketKind
from trader_cli.model.session import OrderRecord
from trader_cli.money import step_down, step_up

_TAKES_NOTHING = (
    Resolution.WAIT,
    Resolution.SKIP_CYCLE,
    Resolution.RESYNC,
    Resolution.HALT_WALLET,
    Resolution.HALT_ALL,
)


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


def protect(at: Accounts, desk: Desk, row: int, *, short: bool) -> None:
    """Let a held position's stop rest at the venue; take back what protects nothing any more.

    short: the account has less of the asset than the book, so that what there is counts.
    """
    if desk.name_of(row)[1] in desk.blocked:
        return
    one = desk.instrument(row)
    held = step_down(int(desk.book.position[row, QUANTITY]), one.lot_units)
    there = resting(desk, row)
    if held == 0:
        for record in there:
            cancel(at, desk, record)
        desk.note("vanished", row, None)
        desk.note("protection", row, None)
        return
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
    if rules is None or not takes(rules, -1):
        # What rests there is all there is: it could not be placed anew.
        if Purpose.STOP not in stands:
            _alarm(desk, row, "market_closed", "the venue takes no stop for it")
        return
    if short and Purpose.STOP in stands:
        # It may be sized for what is left already.
        return
    if not at.may_place(one.symbol):
        desk.fails(VenueError.exit_code, f"{one.symbol}: no call or no time is left for its stop in this cycle")
        return
    for record in there:
        if not cancel(at, desk, record):
            return
    held = step_down(int(desk.book.position[row, QUANTITY]), one.lot_units)
    if held == 0:
        return
    if int(desk.noted("vanished", row) or 0) > 1:
        _alarm(desk, row, "stop_vanished", "its stop vanished from the venue twice; it is not made a third time")
        return
    if short:
        balance = at.venue.balances().get(one.base)
        free = step_down(int(balance.free * QUANTITY_ONE) if balance is not None else 0, one.lot_units)
        held = min(held, free)
        if held == 0:
            _alarm(desk, row, "nothing_there", "the account has nothing of it that a stop could sell")
            return
    _place(at, desk, row, held, level, target)


def _place(at: Accounts, desk: Desk, row: int, held: int, level: int, target: int) -> None:
    one = desk.instrument(row)
    if shelve(desk, row, level):
        return
    quote = _quote(at, one.symbol)
    if quote is not None and quote.bid * one.price_one <= level:
        # The venue would trigger it at once: the level is passed, so the position leaves by the market.
        _emergency(at, desk, row, Reason.STOP, "the market is under its stop already")
        return
    if quote is not None and 0 < target <= quote.bid * one.price_one:
        _sell(at, desk, row, Reason.TARGET)
        return
    done = _sent(at, desk, row, held, level, target)
    if isinstance(done, OrderRecord):
        desk.note("protection", row, {"stop": done.ticket.client_id})
    elif done.state is OrderState.UNKNOWN:
        # Its symbol is blocked, and asked about at the end.
        return
    elif done.resolution in _TAKES_NOTHING:
        # Whoever takes no stop of ours now takes no sale either, and asking on makes it worse.
        _alarm(desk, row, "unprotected", f"its stop could not be placed, the next cycle tries again: {done.message}")
    else:
        _emergency(at, desk, row, Reason.UNPROTECTED, "its stop could not be placed")


def _sent(at: Accounts, desk: Desk, row: int, held: int, level: int, target: int) -> OrderRecord | Answer:
    """Send a stop, with its target where one goes with it; where the venue takes no pair, the stop alone."""
    if target:
        number = max(next_number(desk, row, Purpose.STOP), next_number(desk, row, Purpose.TARGET))
        stop = _stop(at, desk, row, held, level, number)
        kind, reason = TicketKind.LIMIT, int(Reason.TARGET)
        twin = ticket_for(at, desk, row, Purpose.TARGET, kind, -1, held, reason, number, price=target)
        done = send(at, desk, row, stop, twin)
        if isinstance(done, OrderRecord) or done.state is OrderState.UNKNOWN or done.resolution in _TAKES_NOTHING:
            return done
    return send(at, desk, row, _stop(at, desk, row, held, level, next_number(desk, row, Purpose.STOP)))


def _stop(at: Accounts, desk: Desk, row: int, held: int, level: int, number: int) -> Ticket:
    return ticket_for(at, desk, row, Purpose.STOP, TicketKind.STOP, -1, held, int(Reason.STOP), number, trigger=level)


def _quote(at: Accounts, symbol: str) -> Quote | None:
    """Return the best prices; an unsound book says nothing."""
    try:
        return at.venue.price(symbol)
    except TimeUpError:
        raise
    except VenueError:
        return None


def _alarm(desk: Desk, row: int, rule: str, text: str) -> None:
    say(desk, row, rule, "", "", "", text, kind="alarm")
    desk.fails(RiskError.exit_code, f"{desk.name_of(row)[1]}: {text}")


def _emergency(at: Accounts, desk: Desk, row: int, reason: Reason, why: str) -> None:
    """Leave a position that nothing protects, at the market, and say so."""
    _alarm(desk, row, "emergency_exit", f"{why}, it is sold at the market")
    _sell(at, desk, row, reason)


def _sell(at: Accounts, desk: Desk, row: int, reason: Reason) -> None:
    order_exit(row, int(reason), desk.book)
    leave(at, desk, row, [])
