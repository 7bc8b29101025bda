"""`decide`: the difference between what is wanted and what is held becomes orders, at a bar's close.

Exits first, because they free slots and cash; then reductions; then entries and increases in name order. Every entry
order lives for one bar: the next decision renews it or not, so that a missed run heals by itself.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.engine.booking import drop_order, refuse
from trader_cli.engine.fill import has_bar
from trader_cli.engine.state import (
    CANDIDATE,
    CASH,
    CLOSE,
    HELD_BARS,
    LEVEL,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_SIDE,
    ORDER_STOP,
    ORDER_TARGET,
    ORDER_WEIGHT,
    ORDERS,
    OWN_LIMIT,
    OWN_STOP,
    OWN_TAKE,
    OWN_TRIGGER,
    POSITIONS,
    QUANTITY,
    STOP_OWN,
    TARGET_OWN,
    TRIPPED,
    WEIGHT,
)
from trader_cli.model.fills import OrderKind, Reason, Refusal
from trader_cli.money import (
    affordable,
    buy_price,
    cost_of,
    fee_of,
    proceeds_of,
    sell_price,
    step_down,
    step_up,
    to_units,
)
from trader_cli.risk.limits import below_minimum, no_slot
from trader_cli.risk.rules import LOT, PRICE_ONE, SIZE_FRACTION, TICK
from trader_cli.risk.sizing import wanted_quantity, weight_of, within_dead_band

MARKET = int(OrderKind.MARKET)
LIMIT = int(OrderKind.LIMIT)
TRIGGER = int(OrderKind.STOP)
BY_STRATEGY = int(Reason.STRATEGY)
BY_REBALANCE = int(Reason.REBALANCE)
BELOW_MINIMUM = int(Refusal.BELOW_MINIMUM)
ROUNDS_TO_ZERO = int(Refusal.ROUNDS_TO_ZERO)
NO_CASH = int(Refusal.NO_CASH)
MAX_POSITIONS = int(Refusal.MAX_POSITIONS)


@inlined
def mark(bar: int, s: int, market: Any, steps: Any) -> int:
    """Return the symbol's last close in price units."""
    return to_units(market.prices[CLOSE, bar, s], steps[s, PRICE_ONE])


@inlined
def equity_units(bar: int, market: Any, book: Any, steps: Any) -> int:
    """Return cash plus every holding at its last close, exactly, in 1e-8 quote."""
    total = book.account[CASH]
    for s in range(book.position.shape[0]):
        held = book.position[s, QUANTITY]
        if held > 0:
            total += proceeds_of(mark(bar, s, market, steps), held, steps[s, PRICE_ONE])
    return total


@inlined
def order(s: int, side: int, kind: int, quantity: int, price: int, weight: int, reason: int, book: Any) -> None:
    """Put the symbol's one working order on the book."""
    position = book.position
    position[s, ORDER_SIDE] = side
    position[s, ORDER_KIND] = kind
    position[s, ORDER_QUANTITY] = quantity
    position[s, ORDER_PRICE] = price
    position[s, ORDER_WEIGHT] = weight
    position[s, ORDER_REASON] = reason
    book.account[ORDERS] += 1


@inlined
def own_level(plane: int, bar: int, s: int, market: Any, steps: Any) -> int:
    """Return the strategy's own stop or take of this bar on the tick, away from the price; 0 where it states none."""
    level = market.signals[plane, bar, s]
    if not level > 0.0:
        return 0
    units = to_units(level, steps[s, PRICE_ONE])
    return step_down(units, steps[s, TICK]) if plane == OWN_STOP else step_up(units, steps[s, TICK])


@inlined
def take_levels(bar: int, market: Any, book: Any, steps: Any) -> None:
    """Take over the strategy's newest stop and target for every held symbol; NaN keeps what stands."""
    position = book.position
    for s in range(position.shape[0]):
        if position[s, QUANTITY] > 0 and has_bar(bar, s, market):
            stop = own_level(OWN_STOP, bar, s, market, steps)
            if stop > 0:
                position[s, STOP_OWN] = stop
            take = own_level(OWN_TAKE, bar, s, market, steps)
            if take > 0:
                position[s, TARGET_OWN] = take


@inlined
def look(bar: int, market: Any, book: Any, log: Any, rules: Any) -> int:
    """Write the equity, drop spent orders, order the exits; return how many symbols there are to size."""
    position = book.position
    value = 0.0
    candidates = 0
    for s in range(position.shape[0]):
        held = position[s, QUANTITY]
        if held > 0:
            value += float(held) * 1e-8 * market.prices[CLOSE, bar, s]
        if position[s, ORDER_SIDE] != 0 and has_bar(bar, s, market):
            # A resting entry that this bar did not reach: renewed below, or gone.
            drop_order(s, book)
        target = market.signals[LEVEL, bar, s]
        if target > 0.0:
            if held > 0:
                if rules.rebalance == 0 and weight_of(target) == position[s, WEIGHT]:
                    continue
            elif position[s, TRIPPED] != 0:
                continue
            position[candidates, CANDIDATE] = s
            candidates += 1
        elif target <= 0.0:
            position[s, TRIPPED] = 0
            if held > 0:
                order(s, -1, MARKET, held, 0, 0, BY_STRATEGY, book)
    log.equity[bar] = float(book.account[CASH]) * 1e-8 + value
    if book.account[POSITIONS] > 0:
        book.account[HELD_BARS] += 1
    return candidates


@inlined
def expected_cash(bar: int, market: Any, book: Any, rules: Any, steps: Any) -> int:
    """Return the cash there will be for buys when every working order fills at the last close, 1e-8 quote."""
    position = book.position
    free = book.account[CASH]
    for s in range(position.shape[0]):
        side = position[s, ORDER_SIDE]
        if side != 0:
            quantity = position[s, ORDER_QUANTITY]
            one = steps[s, PRICE_ONE]
            price = mark(bar, s, market, steps)
            if side < 0:
                notional = proceeds_of(sell_price(price, rules.slip_rate, steps[s, TICK]), quantity, one)
                free += notional - fee_of(notional, rules.taker_rate)
            else:
                notional = cost_of(buy_price(price, rules.slip_rate, steps[s, TICK]), quantity, one)
                free -= notional + fee_of(notional, rules.taker_rate)
    return free


@inlined
def taken_slots(book: Any) -> int:
    """Count the symbols held and not being sold off, or about to be bought."""
    taken = book.account[POSITIONS]
    for s in range(book.position.shape[0]):
        side = book.position[s, ORDER_SIDE]
        held = book.position[s, QUANTITY]
        if side < 0 and book.position[s, ORDER_QUANTITY] == held:
            taken -= 1
        elif side > 0 and held == 0:
            taken += 1
    return taken


@inlined
def reduce(bar: int, s: int, worth: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Order the sale of what is held above the wanted size; tell whether that settles the symbol for this bar."""
    position = book.position
    held = position[s, QUANTITY]
    price = mark(bar, s, market, steps)
    weight = weight_of(market.signals[LEVEL, bar, s])
    wanted = wanted_quantity(weight, worth, price, steps[s, PRICE_ONE], steps[s, LOT], rules)
    if within_dead_band(wanted, held, rules):
        return True
    if wanted > held:
        return False
    if wanted > 0 and below_minimum(s, held - wanted, price, rules, steps):
        refuse(bar, s, BELOW_MINIMUM, log)
        return True
    reason = BY_STRATEGY if weight != position[s, WEIGHT] else BY_REBALANCE
    order(s, -1, MARKET, held - wanted, 0, weight, reason, book)
    return True


@inlined
def entry_order(bar: int, s: int, held: int, market: Any, steps: Any) -> Any:
    """Return (kind, price) of an entry: the strategy's limit or trigger when flat and stated, else a market order."""
    if held == 0 and market.signals.shape[0] > 1:
        limit = market.signals[OWN_LIMIT, bar, s]
        if limit > 0.0:
            return LIMIT, step_down(to_units(limit, steps[s, PRICE_ONE]), steps[s, TICK])
        trigger = market.signals[OWN_TRIGGER, bar, s]
        if trigger > 0.0:
            return TRIGGER, step_up(to_units(trigger, steps[s, PRICE_ONE]), steps[s, TICK])
    return MARKET, 0


@inlined
def increase(
    bar: int,
    s: int,
    free: int,
    worth: int,
    market: Any,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> Any:
    """Order an entry or an increase if the limits allow it; return (cash set aside, slots taken)."""
    position = book.position
    held = position[s, QUANTITY]
    one = steps[s, PRICE_ONE]
    lot = steps[s, LOT]
    close = mark(bar, s, market, steps)
    weight = weight_of(market.signals[LEVEL, bar, s])
    quantity = wanted_quantity(weight, worth, close, one, lot, rules) - held
    if quantity <= 0:
        refuse(bar, s, ROUNDS_TO_ZERO, log)
        return 0, 0
    kind, at = entry_order(bar, s, held, market, steps)
    price = at
    rate = rules.maker_rate
    if kind != LIMIT:
        price = buy_price(close if kind == MARKET else at, rules.slip_rate, steps[s, TICK])
        rate = rules.taker_rate
    if price <= 0 or below_minimum(s, quantity, price, rules, steps):
        refuse(bar, s, BELOW_MINIMUM, log)
        return 0, 0
    cost = cost_of(price, quantity, one)
    cost += fee_of(cost, rate)
    if cost > free:
        quantity = affordable(free, price, rate, lot, one)
        if quantity <= 0 or below_minimum(s, quantity, price, rules, steps):
            refuse(bar, s, NO_CASH, log)
            return 0, 0
        cost = cost_of(price, quantity, one)
        cost += fee_of(cost, rate)
    reason = BY_REBALANCE if held > 0 and weight == position[s, WEIGHT] else BY_STRATEGY
    order(s, 1, kind, quantity, at, weight, reason, book)
    if held > 0:
        return cost, 0
    position[s, ORDER_STOP] = 0
    position[s, ORDER_TARGET] = 0
    if market.signals.shape[0] > 1:
        position[s, ORDER_STOP] = own_level(OWN_STOP, bar, s, market, steps)
        position[s, ORDER_TARGET] = own_level(OWN_TAKE, bar, s, market, steps)
    return cost, 1


@inlined
def decide(bar: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Compare wanted with held for every symbol that has a bar, and leave the difference as working orders."""
    if market.signals.shape[0] > 1:
        take_levels(bar, market, book, steps)
    candidates = look(bar, market, book, log, rules)
    if candidates == 0:
        return
    position = book.position
    worth = equity_units(bar, market, book, steps) if rules.size_method == SIZE_FRACTION else 0
    buys = 0
    for i in range(candidates):
        s = position[i, CANDIDATE]
        if position[s, QUANTITY] > 0 and reduce(bar, s, worth, market, book, log, rules, steps):
            continue
        position[buys, CANDIDATE] = s
        buys += 1
    slots = taken_slots(book) if rules.max_positions > 0 else 0
    free = 0
    counted = False
    for i in range(buys):
        s = position[i, CANDIDATE]
        if position[s, QUANTITY] == 0 and no_slot(slots, rules):
            refuse(bar, s, MAX_POSITIONS, log)
            continue
        if not counted:
            # Only now: where every slot is taken, bar after bar, nobody needs to know the cash.
            free = expected_cash(bar, market, book, rules, steps)
            counted = True
        spent, taken = increase(bar, s, free, worth, market, book, log, rules, steps)
        free -= spent
        slots += taken
