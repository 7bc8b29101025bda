"""The venue's trades as the book keeps them: whole units, whole lots, each trade once."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from trader_cli.engine.settle import has_room, settle_fill
from trader_cli.jobs.desk import Desk, commit
from trader_cli.jobs.ports import Venue
from trader_cli.model.fills import OrderKind
from trader_cli.model.instrument import CASH_ONE, QUANTITY_ONE, Instrument
from trader_cli.model.orders import Ticket, TicketKind, VenueOrder, VenueTrade
from trader_cli.model.session import OrderRecord, VenueFill
from trader_cli.money import step_down

_KINDS = {
    TicketKind.MARKET: OrderKind.MARKET,
    TicketKind.LIMIT: OrderKind.LIMIT,
    TicketKind.IOC: OrderKind.LIMIT,
    TicketKind.STOP: OrderKind.STOP,
}


def units_of(amount: Decimal, one: int, rounding: str) -> int:
    """Return an amount as whole units."""
    return int((amount * one).to_integral_value(rounding))


@dataclass(frozen=True)
class Booked:
    """A venue's trade in whole units, as the book keeps it. dust: what of the base is less than a lot and carried on."""

    quantity: int
    price: int
    notional: int
    fee: int
    dust: int


def booked_as(trade: VenueTrade, instrument: Instrument, dust: int) -> Booked:
    """Return a venue's trade as the book keeps it; dust: what earlier purchases left below a lot, 1e-8 base.

    A fee in the received asset lowers the quantity, and the part of the cost that paid for it is the fee. The book holds whole
    lots, the only thing that can be sold: the rest is carried to the next purchase. Cash changes by exactly what the venue
    took. A fee in a third asset is none of this book's; the ledger posts it in that asset.
    """
    price = units_of(trade.price, instrument.price_one, ROUND_HALF_EVEN)
    if trade.side < 0:
        sold = trade.quantity + (trade.fee if trade.fee_asset == instrument.base else 0)
        fee = units_of(trade.fee, CASH_ONE, ROUND_CEILING) if trade.fee_asset == instrument.quote else 0
        quantity = units_of(sold, QUANTITY_ONE, ROUND_CEILING)
        return Booked(quantity, price, units_of(trade.cost, CASH_ONE, ROUND_FLOOR), fee, dust)
    paid = units_of(trade.cost, CASH_ONE, ROUND_CEILING)
    if trade.fee_asset == instrument.quote:
        paid += units_of(trade.fee, CASH_ONE, ROUND_CEILING)
    left = trade.quantity - (trade.fee if trade.fee_asset == instrument.base else 0)
    whole = units_of(left, QUANTITY_ONE, ROUND_FLOOR) + dust
    # Less than a lot in all is booked as it is: every trade stands in the book.
    quantity = step_down(whole, instrument.lot_units) or whole
    notional = min(-(-price * quantity // instrument.price_one), paid)
    return Booked(quantity, price, notional, paid - notional, whole - quantity)


def book_trades(venue: Venue, desk: Desk, record: OrderRecord, order: VenueOrder) -> int:
    """Book what is new of an order's trades; return how much of it is booked in all, 1e-8 base of the venue's count.

    By trade id, so that a trade seen again, out of order or on another page is booked once.
    """
    ticket = record.ticket
    # Binance counts trades by market: the same number on another one is another trade.
    known = desk.ledger.trade_ids(desk.session.run_id, ticket.symbol) | {
        one.trade.trade_id for one in desk.venue_fills if one is not None and one.trade.symbol == ticket.symbol
    }
    row = desk.row_of(ticket.wallet, ticket.symbol)
    total = 0
    for trade in venue.trades(order):
        total += units_of(trade.quantity, QUANTITY_ONE, ROUND_HALF_EVEN)
        if trade.trade_id not in known:
            _book(venue, desk, row, ticket, trade)
    return total


def _book(venue: Venue, desk: Desk, row: int, ticket: Ticket, trade: VenueTrade) -> None:
    done = booked_as(trade, desk.instrument(row), int(desk.noted("dust", row) or 0))
    scene = desk.scene
    if not has_room(desk.book, desk.log):
        commit(desk, venue.now_ms(), desk.step.bar_ms)
    settle_fill(
        desk.bar,
        row,
        trade.side,
        done.quantity,
        done.price,
        done.notional,
        done.fee,
        int(_KINDS[ticket.kind]),
        ticket.reason,
        scene.market,
        desk.book,
        desk.log,
        scene.numbers,
        scene.steps,
    )
    desk.note("dust", row, done.dust or None)
    desk.venue_fills.append(VenueFill(ticket.client_id, trade))
