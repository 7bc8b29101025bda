"""Two legs of one trade, one at each of two venues: both orders or none, and only where they earn more than they cost."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.booking import drop_order, refuse
from trader_cli.engine.orders import is_wish
from trader_cli.engine.state import (
    ORDER_QUANTITY,
    ORDER_ROOM,
    ORDER_SIDE,
    ORDER_WEIGHT,
    QUANTITY,
)
from trader_cli.engine.value import has_bar, mark, ordered_price
from trader_cli.model.codes import BELOW_MINIMUM, LEG_COSTS, NO_OTHER_LEG
from trader_cli.money import buy_price, cost_of, fee_of, proceeds_of, sell_price, step_down
from trader_cli.risk import columns as of
from trader_cli.risk.limits import NO_LIMIT, below_minimum, least_worth
from trader_cli.risk.rules import LOT, OTHER_LEG, PRICE_ONE, TICK
from trader_cli.risk.sizing import within_dead_band


@called
def drop_spent_legs(bar: int, market: Any, book: Any, work: Any, steps: Any) -> None:
    """Take back orders of legs that could not fill together; the decision that follows renews both or none."""
    for i in range(work.legs.shape[0]):
        s = work.legs[i]
        other = steps[s, OTHER_LEG]
        if is_wish(s, book) and (has_bar(bar, s, market) or has_bar(bar, other, market)):
            drop_order(s, book)


@called
def drop_lone_legs(bar: int, market: Any, book: Any, work: Any, log: Any, rules: Any, steps: Any) -> None:
    """Refuse an order whose other leg has none, and a sale and a purchase that lose together; make both of a size.

    What a rule closes (stop, kill switch) is closed alone: protection never waits for another order. What is left of a
    trade whose other leg is gone may be sold alone too. Sizes within the dead band of each other count as alike. Only a sale
    that empties its leg must earn both legs' costs: that is the way out, whose margin pays for the way back.
    """
    position = book.position
    for i in range(work.legs.shape[0]):
        s = work.legs[i]
        other = steps[s, OTHER_LEG]
        if not is_wish(s, book):
            continue
        side = position[s, ORDER_SIDE]
        if not is_wish(other, book):
            if side > 0 or position[other, QUANTITY] > 0:
                drop_order(s, book)
                refuse(bar, s, NO_OTHER_LEG, 0, 0, book, log)
            continue
        if side == position[other, ORDER_SIDE] and s > other:
            continue
        if side > 0 and position[other, ORDER_SIDE] < 0:
            continue
        level_legs(bar, s, other, market, book, rules, steps)
        if is_small(bar, s, market, book, log, rules, steps) or is_small(bar, other, market, book, log, rules, steps):
            drop_order(s, book)
            drop_order(other, book)
        elif side < 0 and position[s, ORDER_WEIGHT] == 0 and position[other, ORDER_SIDE] > 0:
            gain, cost = leg_money(bar, s, other, market, book, rules, steps)
            if gain <= cost:
                refuse(bar, s, LEG_COSTS, gain, cost, book, log)
                drop_order(s, book)
                drop_order(other, book)


@part
def is_small(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Refuse a leg that is less than a lot or under the minimum; tell whether it was."""
    quantity = book.position[s, ORDER_QUANTITY]
    price = mark(bar, s, market, steps)
    if quantity > 0 and not below_minimum(s, quantity, price, rules, steps):
        return False
    worth = proceeds_of(price, quantity, steps[s, PRICE_ONE])
    refuse(bar, s, BELOW_MINIMUM, worth, least_worth(s, price, rules, steps), book, log)
    return True


@part
def level_legs(bar: int, s: int, other: int, market: Any, book: Any, rules: Any, steps: Any) -> None:
    """Cut both orders to the smaller one's size, in the coarser lot, where they differ by more than the dead band."""
    position = book.position
    mine = position[s, ORDER_QUANTITY]
    theirs = position[other, ORDER_QUANTITY]
    if within_dead_band(theirs, mine, rules) or within_dead_band(mine, theirs, rules):
        return
    both = step_down(min(mine, theirs), max(steps[s, LOT], steps[other, LOT]))
    cut(bar, s, both, market, book, rules, steps)
    cut(bar, other, both, market, book, rules, steps)


@part
def cut(bar: int, s: int, quantity: int, market: Any, book: Any, rules: Any, steps: Any) -> None:
    """Make the row's order smaller, and what it may spend with it."""
    position = book.position
    position[s, ORDER_QUANTITY] = quantity
    if position[s, ORDER_SIDE] > 0 and position[s, ORDER_ROOM] < NO_LIMIT:
        price = ordered_price(bar, s, market, book, rules, steps)
        position[s, ORDER_ROOM] = cost_of(price, quantity, steps[s, PRICE_ONE])


@called
def leg_money(bar: int, s: int, other: int, market: Any, book: Any, rules: Any, steps: Any) -> Any:
    """Return (what selling brings, what buying takes) of the quantity both legs trade, fees and slippage counted."""
    quantity = min(book.position[s, ORDER_QUANTITY], book.position[other, ORDER_QUANTITY])
    sold = proceeds_of(
        sell_price(mark(bar, s, market, steps), rules[of.SLIP_RATE], steps[s, TICK]), quantity, steps[s, PRICE_ONE]
    )
    bought = cost_of(
        buy_price(mark(bar, other, market, steps), rules[of.SLIP_RATE], steps[other, TICK]),
        quantity,
        steps[other, PRICE_ONE],
    )
    return sold - fee_of(sold, rules[of.TAKER_RATE]), bought + fee_of(bought, rules[of.TAKER_RATE])
