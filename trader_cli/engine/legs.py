"""Two legs of one trade, one at each of two venues: both orders or none, and only where they earn more than they cost."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.booking import drop_order, refuse
from trader_cli.engine.state import ORDER_QUANTITY, ORDER_REASON, ORDER_SIDE, QUANTITY
from trader_cli.engine.value import has_bar, mark
from trader_cli.model.fills import Reason, Refusal
from trader_cli.money import buy_price, cost_of, fee_of, proceeds_of, sell_price, step_down
from trader_cli.risk import columns as of
from trader_cli.risk.limits import below_minimum, least_worth
from trader_cli.risk.rules import LOT, OTHER_LEG, PRICE_ONE, TICK
from trader_cli.risk.sizing import within_dead_band

BY_STRATEGY = int(Reason.STRATEGY)
BY_REBALANCE = int(Reason.REBALANCE)
NO_OTHER_LEG = int(Refusal.OTHER_LEG)
BELOW_MINIMUM = int(Refusal.BELOW_MINIMUM)
LEG_COSTS = int(Refusal.LEG_COSTS)


@called
def drop_spent_legs(bar: int, market: Any, book: Any, work: Any, steps: Any) -> None:
    """Take back orders of legs that could not fill together; the decision that follows renews both or none."""
    for i in range(work.legs.shape[0]):
        s = work.legs[i]
        other = steps[s, OTHER_LEG]
        if is_wish(s, book) and (has_bar(bar, s, market) or has_bar(bar, other, market)):
            drop_order(s, book)


@part
def is_wish(s: int, book: Any) -> bool:
    """Tell whether the row's order is its strategy's wish and not a rule's."""
    reason = book.position[s, ORDER_REASON]
    return bool(book.position[s, ORDER_SIDE] != 0 and reason in (BY_STRATEGY, BY_REBALANCE))


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
        level_legs(s, other, book, rules, steps)
        quantity = position[s, ORDER_QUANTITY]
        price = mark(bar, s, market, steps)
        small = below_minimum(s, quantity, price, rules, steps)
        if small or below_minimum(
            other, position[other, ORDER_QUANTITY], mark(bar, other, market, steps), rules, steps
        ):
            worth = proceeds_of(price, quantity, steps[s, PRICE_ONE])
            refuse(bar, s, BELOW_MINIMUM, worth, least_worth(s, price, rules, steps), book, log)
            drop_order(s, book)
            drop_order(other, book)
        elif side < 0 and quantity == position[s, QUANTITY] and position[other, ORDER_SIDE] > 0:
            gain, cost = leg_money(bar, s, other, market, book, rules, steps)
            if gain <= cost:
                refuse(bar, s, LEG_COSTS, gain, cost, book, log)
                drop_order(s, book)
                drop_order(other, book)


@part
def level_legs(s: int, other: int, book: Any, rules: Any, steps: Any) -> None:
    """Cut the larger of two legs' orders to the smaller where they differ by more than the dead band."""
    position = book.position
    mine = position[s, ORDER_QUANTITY]
    theirs = position[other, ORDER_QUANTITY]
    if within_dead_band(theirs, mine, rules) or within_dead_band(mine, theirs, rules):
        return
    if mine > theirs:
        position[s, ORDER_QUANTITY] = step_down(theirs, steps[s, LOT])
    else:
        position[other, ORDER_QUANTITY] = step_down(mine, steps[other, LOT])


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
