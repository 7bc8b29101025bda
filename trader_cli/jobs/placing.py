"""From the book's working orders to the venue: what may be sent is sent once, everything else is said and dropped."""

from __future__ import annotations

from decimal import Decimal

from trader_cli.engine.settle import drop_dust, finish_order
from trader_cli.engine.state import (
    CASH,
    CLOSE,
    ORDER_KIND,
    ORDER_MS,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_ROOM,
    ORDER_SIDE,
    QUANTITY,
    RESERVE,
)
from trader_cli.errors import RiskError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.refusing import defer, drop, is_urgent, market_rules, say, sound_quote, too_small
from trader_cli.jobs.sending import next_number, send, sent, ticket_for
from trader_cli.jobs.venue_orders import Accounts, cancel
from trader_cli.model.fills import OrderKind
from trader_cli.model.instrument import CASH_ONE, QUANTITY_ONE
from trader_cli.model.orders import Purpose, Ticket, TicketKind
from trader_cli.model.risk import ALL
from trader_cli.model.session import OrderRecord
from trader_cli.money import affordable, buy_price, cost_of, fee_of, step_down


def planned(desk: Desk, side: int) -> list[int]:
    """Return the rows whose order is not at the venue."""
    live = {
        (one.ticket.wallet, one.ticket.symbol)
        for one in desk.ledger.orders(desk.session.run_id, open_only=True)
        if one.ticket.purpose in (Purpose.ENTRY, Purpose.EXIT) and not one.state.is_final
    }
    position = desk.book.position
    return [row for row in range(len(position)) if position[row, ORDER_SIDE] == side and desk.name_of(row) not in live]


def enter(at: Accounts, desk: Desk, row: int, free: dict[str, Decimal], stopped: str) -> None:
    """Send an entry or addition; stopped: why nothing may enter now, "" = it may."""
    ticket = entry_ticket(at, desk, row, free, stopped)
    if ticket is None:
        return
    record = send(at, desk, row, ticket)
    if isinstance(record, OrderRecord):
        sent(at, desk, record)
        watch_slippage(at, desk, row, record)


def entry_ticket(at: Accounts, desk: Desk, row: int, free: dict[str, Decimal], stopped: str) -> Ticket | None:
    """Return the order that a row asks for, its cost taken from what is free; None where it is not sent, which is said."""
    wallet, symbol = desk.name_of(row)
    position = desk.book.position[row]
    if symbol in desk.blocked:
        return None
    halted = desk.ledger.halted()
    if int(position[ORDER_MS]) != desk.close_ms:
        drop(desk, row, "too_late", "its bar is over, and it was not sent in time")
        return None
    if stopped or ALL in halted or wallet in halted:
        why = stopped or "trading is halted"
        drop(desk, row, "halted", why)
        desk.fails(RiskError.exit_code, f"{symbol}: {why}")
        return None
    rules = market_rules(at, desk, row, 1)
    quote = sound_quote(at, desk, row, 1) if rules is not None else None
    if rules is None or quote is None:
        return None
    one = desk.instrument(row)
    kind, price, trigger = _asked(at, desk, row, symbol)
    most = price or trigger or one.price_units(float(quote.ask))
    if kind is TicketKind.MARKET or kind is TicketKind.STOP:
        # What the market may still run away before it fills: the same allowance a simulated fill has.
        most = buy_price(most, int(desk.scene.rules.slip_rate), one.tick_units)
    quantity = _affordable(desk, row, most, free)
    if too_small(desk, row, rules, quantity, most, at.terms.buffer):
        return None
    if not at.may_place(symbol):
        defer(desk, row, "no call or no time is left for it in this cycle")
        return None
    # One number a bar, so that a decision is sent once; only what the venue deferred is sent again.
    deferred = desk.noted("deferred", row) == desk.close_ms
    number = next_number(desk, row, Purpose.ENTRY) if deferred else 1
    reason = int(position[ORDER_REASON])
    ticket = ticket_for(at, desk, row, Purpose.ENTRY, kind, 1, quantity, reason, number, price=price, trigger=trigger)
    if number == 1 and next_number(desk, row, Purpose.ENTRY) > 1:
        # Sent before in this bar, and over: it never reached the venue, or was refused or taken back there.
        drop(desk, row, "sent_before", "its order of this bar is over already, the next decision is another one")
        return None
    free[one.quote] = free.get(one.quote, Decimal(0)) - Decimal(quantity * most) / one.price_one / QUANTITY_ONE
    return ticket


def _affordable(desk: Desk, row: int, most: int, free: dict[str, Decimal]) -> int:
    """Return what of an order the wallet and the account can pay for at that price, whole lots."""
    one = desk.instrument(row)
    position = desk.book.position[row]
    purse = desk.book.wallet[row // len(desk.scene.symbols)]
    cash = min(int(purse[CASH]) - int(purse[RESERVE]), int(free.get(one.quote, Decimal(0)) * CASH_ONE))
    rate = int(desk.scene.rules.taker_rate)
    quantity = int(position[ORDER_QUANTITY])
    room = int(position[ORDER_ROOM])
    # Asked only where it binds: what an order without a limit could buy is no number of 64 bits.
    if cost_of(most, quantity, one.price_one) > room:
        quantity = affordable(room, most, 0, one.lot_units, one.price_one)
    cost = cost_of(most, quantity, one.price_one)
    if cost + fee_of(cost, rate) > cash:
        quantity = affordable(max(cash, 0), most, rate, one.lot_units, one.price_one)
    return step_down(quantity, one.lot_units)


def watch_slippage(at: Accounts, desk: Desk, row: int, record: OrderRecord) -> None:
    """Say so where an order filled further from its decision's price than the band allows (C3)."""
    client_id, arrival = record.ticket.client_id, record.ticket.arrival
    trades = [one.trade for one in desk.venue_fills if one is not None and one.client_id == client_id]
    quantity = sum((one.quantity for one in trades), Decimal(0))
    if not quantity:
        return
    price = sum((one.cost for one in trades), Decimal(0)) / quantity
    expected = Decimal(arrival) / desk.instrument(row).price_one
    off_bps = (price - expected) * record.ticket.side / expected * 10_000
    if off_bps > at.terms.band_bps:
        text = f"filled at {price:.8f} on average, decided at {expected}"
        say(desk, row, "slippage", f"{off_bps:.1f}", f"{at.terms.band_bps}", "bps", text, kind="alarm")


def _asked(at: Accounts, desk: Desk, row: int, symbol: str) -> tuple[TicketKind, int, int]:
    """Return (kind, limit, trigger) of an entry: the strategy's own price, else a limit through the close or the market."""
    position = desk.book.position[row]
    one = desk.instrument(row)
    kind = OrderKind(int(position[ORDER_KIND]))
    if kind is OrderKind.LIMIT:
        return TicketKind.LIMIT, int(position[ORDER_PRICE]), 0
    if kind is OrderKind.STOP:
        return TicketKind.STOP, 0, int(position[ORDER_PRICE])
    if not at.terms.limits:
        return TicketKind.MARKET, 0, 0
    close = one.price_units(float(desk.scene.market.prices[CLOSE, desk.bar, row]))
    through = int(Decimal(close) * (1 + at.terms.limit_bps / 10_000))
    now = at.terms.ioc or at.venue.load_pct(symbol) > at.terms.ioc_above_pct
    return (TicketKind.IOC if now else TicketKind.LIMIT), step_down(through, one.tick_units), 0


def leave(at: Accounts, desk: Desk, row: int, resting: list[OrderRecord]) -> None:
    """Sell what the book asks to sell: protection is taken back first, and what it sold meanwhile counts.

    resting: the orders that protect this row at the venue.
    """
    symbol = desk.name_of(row)[1]
    if symbol in desk.blocked:
        return
    rules = market_rules(at, desk, row, -1)
    if rules is None or not (is_urgent(desk, row) or sound_quote(at, desk, row, -1) is not None):
        return
    if not at.may_place(symbol):
        # Before its protection is taken back: what cannot be sold now stays protected.
        defer(desk, row, "no call or no time is left for it in this cycle")
        return
    for protecting in resting:
        if not cancel(at, desk, protecting):
            return
    position = desk.book.position[row]
    one = desk.instrument(row)
    held = int(position[QUANTITY])
    if held == 0 or position[ORDER_SIDE] >= 0:
        finish_order(row, desk.book)
        return
    # Asked now: what protection had reserved is free again, and somebody may have sold by hand.
    balance = at.venue.balances().get(one.base)
    there = int(balance.free * QUANTITY_ONE) if balance is not None else 0
    quantity = step_down(min(int(position[ORDER_QUANTITY]), held, there), one.lot_units)
    price = one.price_units(float(desk.scene.market.prices[CLOSE, desk.bar, row]))
    if shelve(desk, row, price) or too_small(desk, row, rules, quantity, price, Decimal(1)):
        return
    number = next_number(desk, row, Purpose.EXIT)
    reason = int(position[ORDER_REASON])
    ticket = ticket_for(at, desk, row, Purpose.EXIT, TicketKind.MARKET, -1, quantity, reason, number)
    record = send(at, desk, row, ticket)
    if isinstance(record, OrderRecord):
        sent(at, desk, record)
        watch_slippage(at, desk, row, record)
        shelve(desk, row, price)


def shelve(desk: Desk, row: int, price: int) -> bool:
    """End a position that is too small to be sold; what is left of it waits for the next purchase."""
    scene = desk.scene
    return drop_dust(desk.bar, row, price, scene.market, desk.book, desk.log, scene.numbers, scene.steps)
