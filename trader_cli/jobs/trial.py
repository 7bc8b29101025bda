"""Whether the key may trade and the market's rules fit, asked with a tiny order that the venue judges and does not place."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Protocol

from trader_cli.errors import VenueError
from trader_cli.jobs.doctor import Check, failed, fine, warned
from trader_cli.model.fills import Reason
from trader_cli.model.instrument import QUANTITY_ONE
from trader_cli.model.orders import (
    Answer,
    MarketRules,
    OrderState,
    Purpose,
    Quote,
    Resolution,
    Ticket,
    TicketKind,
    client_id_of,
)

AREA = "trading"
_FUNDS = "insufficient_funds"
_FAR = Decimal("0.5")
"""Of the bid: nothing fills there, and no venue's band around the price is left."""
_ROOM = Decimal("1.1")


class Judge(Protocol):
    """What a trial asks of a venue."""

    id: str

    def now_ms(self) -> int:
        """Return the venue's time, ms UTC."""
        ...

    def price(self, symbol: str) -> Quote:
        """Return the best bid and ask now."""
        ...

    def check(self, ticket: Ticket) -> Answer:
        """Let the venue judge an order without placing it."""
        ...


def check_trading(venue: Judge, rules: MarketRules, deadline_ms: int) -> Iterable[Check]:
    """Ask whether the venue would take the smallest order of a market, far below its price."""
    ticket = tiny(rules, venue.price(rules.symbol), venue.now_ms(), deadline_ms)
    quantity = Decimal(ticket.quantity) / QUANTITY_ONE
    price = Decimal(ticket.price).scaleb(-ticket.price_decimals)
    what = f"an order to buy {quantity.normalize():f} {rules.symbol} at {price.normalize():f}"
    answer = venue.check(ticket)
    if answer.state is OrderState.OPEN:
        yield fine(AREA, rules.symbol, f"the key may trade: `{venue.id}` would take {what}; nothing was placed")
    elif answer.pattern == _FUNDS:
        cure = "move some money there before the first `trader live`"
        yield warned(AREA, rules.symbol, f"the key may trade, but the account cannot pay for {what}", cure)
    elif answer.state is OrderState.UNKNOWN or answer.resolution in (Resolution.WAIT, Resolution.RETRY):
        yield warned(AREA, rules.symbol, f"whether the key may trade is not known: {answer.message}", "ask again later")
    else:
        cure = (
            "give the key the permission to trade, and never the one to withdraw"
            if answer.resolution is Resolution.HALT_ALL
            else "`trader doctor` again after the market's rules were read anew; else leave this market out"
        )
        yield failed(AREA, rules.symbol, f"`{venue.id}` would refuse {what}: {answer.message}", VenueError, cure)


def tiny(rules: MarketRules, quote: Quote, now_ms: int, deadline_ms: int) -> Ticket:
    """Return the smallest order to buy that the rules allow, at half the bid. deadline_ms: how long the venue may judge it."""
    price = max((quote.bid * _FAR / rules.tick).to_integral_value(ROUND_FLOOR), Decimal(1)) * rules.tick
    least = max(rules.min_quantity, rules.min_notional * _ROOM / price, rules.lot)
    quantity = (least / rules.lot).to_integral_value(ROUND_CEILING) * rules.lot
    decimals = max(0, -int(rules.tick.normalize().as_tuple().exponent))
    units = int(price.scaleb(decimals))
    key = f"trial|{rules.symbol}|{now_ms}"
    return Ticket(
        key=key,
        client_id=client_id_of(key),
        run_id="",
        wallet="",
        symbol=rules.symbol,
        side=1,
        kind=TicketKind.LIMIT,
        purpose=Purpose.ENTRY,
        reason=int(Reason.STRATEGY),
        quantity=int(quantity * QUANTITY_ONE),
        price=units,
        trigger=0,
        price_decimals=decimals,
        arrival=units,
        bar_ms=now_ms,
        created_ms=now_ms,
        deadline_ms=now_ms + deadline_ms,
    )
