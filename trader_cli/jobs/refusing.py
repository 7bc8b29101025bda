"""Why an order is not sent: a closed market, a book that is not to be believed, too small an amount. Said, never silent."""

from __future__ import annotations

from decimal import Decimal

from trader_cli.engine.settle import finish_order, set_late
from trader_cli.engine.state import CLOSE, ORDER_REASON, ORDER_SIDE, QUANTITY
from trader_cli.errors import RiskError, TimeUpError, VenueError
from trader_cli.jobs.desk import Desk
from trader_cli.jobs.venue_orders import Accounts
from trader_cli.model.fills import Reason
from trader_cli.model.instrument import QUANTITY_ONE
from trader_cli.model.orders import MarketRules, Quote
from trader_cli.model.risk import RiskEvent

_URGENT = (Reason.KILL, Reason.UNPROTECTED, Reason.STOP, Reason.TRAIL, Reason.BREAK_EVEN)
"""Exits that go even where the book is far from the close: who asked for them wants out at whatever is paid now, as a stop at
the venue would have been.
"""


def say(
    desk: Desk, row: int, rule: str, number: str, limit: str, unit: str, message: str, kind: str = "refusal"
) -> None:
    """Note why something was not sent, as a risk event of this bar."""
    wallet, symbol = desk.name_of(row)
    desk.events.append(
        RiskEvent(
            time_ms=desk.close_ms,
            last_ms=desk.close_ms,
            count=1,
            kind=kind,
            wallet=wallet,
            strategy=str(desk.openers.get(row) or desk.noted("openers", row) or ""),
            symbol=symbol,
            rule=rule,
            number=number,
            limit=limit,
            unit=unit,
            message=f"{symbol}: {message}",
        )
    )


def defer(desk: Desk, row: int, message: str) -> None:
    """Leave an order on its row for the next cycle of its bar, and say so: the rate limit has no room for it now (R1.2)."""
    say(desk, row, "deferred", "", "", "", f"deferred, the venue takes no more orders just now: {message}")
    desk.note("deferred", row, desk.close_ms)


def drop(desk: Desk, row: int, rule: str, message: str, number: str = "", limit: str = "", unit: str = "") -> None:
    """Take an order that is not sent off its row, and say why; a rule's sale is asked for again at the next close."""
    say(desk, row, rule, number, limit, unit, message)
    position = desk.book.position[row]
    reason = Reason(int(position[ORDER_REASON]))
    if position[ORDER_SIDE] < 0 and reason not in (Reason.STRATEGY, Reason.REBALANCE):
        set_late(row, int(reason), desk.book)
    finish_order(row, desk.book)


def market_rules(at: Accounts, desk: Desk, row: int, side: int) -> MarketRules | None:
    """Return what the venue allows on the row's market; None, and the order is dropped, where it takes none of this side."""
    symbol = desk.name_of(row)[1]
    rules = at.venue.rules([symbol]).get(symbol)
    if rules is not None and takes(rules, side):
        return rules
    why = "the venue does not know this market" if rules is None else "the venue takes no new orders here"
    held = int(desk.book.position[row, QUANTITY])
    if held:
        why += f", and {Decimal(held) / QUANTITY_ONE} is held"
    drop(desk, row, "market_closed", why)
    desk.fails(VenueError.exit_code, f"{symbol}: {why}")
    return None


def takes(rules: MarketRules, side: int) -> bool:
    """Tell whether a market takes orders that fill at once; of one that only lets positions shrink, sales."""
    if side < 0 and rules.reduce_only:
        return True
    return rules.open and not (rules.cancel_only or rules.post_only)


def sound_quote(at: Accounts, desk: Desk, row: int, side: int) -> Quote | None:
    """Return the book's top; None, and the order is dropped, where it is too far from the close to be believed."""
    symbol = desk.name_of(row)[1]
    try:
        quote = at.venue.price(symbol)
    except TimeUpError:
        raise
    except VenueError as error:
        drop(desk, row, "no_quote", error.message)
        desk.fails(VenueError.exit_code, error.message)
        return None
    close = Decimal(repr(float(desk.scene.market.prices[CLOSE, desk.bar, row])))
    there = quote.ask if side > 0 else quote.bid
    off_bps = abs(there - close) / close * 10_000
    if off_bps > at.terms.band_bps:
        drop(
            desk,
            row,
            "price_band",
            f"the book is at {there}, the bar closed at {close}",
            f"{off_bps:.1f}",
            f"{at.terms.band_bps}",
            "bps",
        )
        desk.fails(RiskError.exit_code, f"{symbol}: the book is {off_bps:.0f} bps off the close, nothing was sent")
        return None
    return quote


def is_urgent(desk: Desk, row: int) -> bool:
    """Tell whether a sale goes even where the book is far from the close."""
    return Reason(int(desk.book.position[row, ORDER_REASON])) in _URGENT


def too_small(desk: Desk, row: int, rules: MarketRules, quantity: int, price: int, buffer: Decimal) -> bool:
    """Drop an order that the venue would refuse as too small; tell whether it was. buffer: multiplies the minimums."""
    one = desk.instrument(row)
    least_quantity = rules.min_quantity * buffer
    least = max(rules.min_notional, one.min_notional, one.learned_minimum) * buffer
    worth = Decimal(quantity) * price / one.price_one / QUANTITY_ONE
    amount = Decimal(quantity) / QUANTITY_ONE
    if quantity > 0 and amount >= least_quantity and worth >= least:
        return False
    drop(
        desk,
        row,
        "below_minimum",
        f"{amount} {one.base} worth {worth:.8f} {one.quote} is less than the venue takes",
        f"{worth:.8f}",
        f"{max(least, least_quantity * price / one.price_one):.8f}",
        one.quote,
    )
    return True
