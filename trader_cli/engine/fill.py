"""`fill`: what the market does to working orders and protected positions inside one bar.

Sells at the open come first, so that their cash is there for the buys; then entries in name order; then the exit
coordinator. Live asks the venue instead of this file.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.arm import arm, ending_target
from trader_cli.engine.booking import book_fill, drop_order, refuse
from trader_cli.engine.holding import buy_in, take_weight
from trader_cli.engine.levels import (
    end_bar,
    is_high_ours,
    is_part_reached,
    levels_of,
    may_sell,
    own_kept,
    part_kept,
)
from trader_cli.engine.orders import is_wish
from trader_cli.engine.state import (
    CAP,
    CASH,
    CEILING,
    FLOOR,
    HIGH,
    INSIDE,
    KEEP_OWN,
    LOW,
    MICRO,
    OPEN,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_ROOM,
    ORDER_RULE,
    ORDER_SIDE,
    ORDERS,
    PARTIAL,
    POSITIONS,
    QUANTITY,
    RESERVE,
    TARGET_OWN,
    TRIPPED,
    WEIGHT,
)
from trader_cli.engine.value import has_bar
from trader_cli.model.codes import (
    BY_MICRO,
    BY_PARTIAL,
    CASH_RESERVE,
    LIMIT,
    MARKET,
    MAX_POSITIONS,
    NO_CASH,
    TRIGGER,
)
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
from trader_cli.risk import columns as of
from trader_cli.risk.exits import (
    exit_at,
    stop_reason,
    target_reason,
    tighter_target,
)
from trader_cli.risk.limits import below_minimum, no_slot
from trader_cli.risk.rules import LOT, OTHER_LEG, PRICE_ONE, TICK, WALLET


@part
def sell(
    bar: int,
    s: int,
    quantity: int,
    price: int,
    rate: int,
    kind: int,
    reason: int,
    market: Any,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> None:
    """Sell at `price` (final, price units) with a fee of `rate`."""
    notional = proceeds_of(price, quantity, steps[s, PRICE_ONE])
    fee = fee_of(notional, rate)
    open_ms = market.open_ms[bar]
    book_fill(bar, open_ms, s, -1, quantity, price, notional, fee, kind, reason, book, log, rules, steps)


@part
def entry_price(kind: int, wanted: int, start: int, high: int, low: int, slip: int, tick: int) -> Any:
    """Return (price paid, market price then) of a buy in this bar, or (0, 0) when the bar does not reach it.

    Touching is enough. A limit pays no slippage; a bar that opens beyond the order's price fills it at the open.
    """
    if kind == MARKET:
        return buy_price(start, slip, tick), start
    if kind == LIMIT:
        if start <= wanted:
            return min(step_up(start, tick), wanted), start
        if low <= wanted:
            return wanted, wanted
        return 0, 0
    if start >= wanted:
        return buy_price(start, slip, tick), start
    if high >= wanted:
        return buy_price(wanted, slip, tick), wanted
    return 0, 0


@part
def payable(s: int, quantity: int, price: int, rate: int, book: Any, rules: Any, steps: Any) -> int:
    """Return how much of an order cash and the room it was given can pay at `price`; 0 when less than the minimum.

    The price may have run away since the decision: an order never spends more than it was allowed.
    """
    one = steps[s, PRICE_ONE]
    lot = steps[s, LOT]
    w = steps[s, WALLET]
    free = book.wallet[w, CASH] - book.wallet[w, RESERVE]
    room = book.position[s, ORDER_ROOM]
    cost = cost_of(price, quantity, one)
    if cost <= room and cost + fee_of(cost, rate) <= free:
        return int(quantity)
    if cost > room:
        quantity = affordable(room, price, 0, lot, one)
    quantity = min(quantity, affordable(free, price, rate, lot, one))
    if quantity <= 0 or below_minimum(s, quantity, price, rules, steps):
        return 0
    return int(quantity)


@part
def fill_entry(bar: int, s: int, price: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Buy the ordered quantity, or as many whole lots as may be paid; tell whether anything was bought."""
    position = book.position
    was_flat = position[s, QUANTITY] == 0
    if was_flat and no_slot(book.account[POSITIONS], rules):
        # The slot was to be freed by a sale that found no bar.
        refuse(bar, s, MAX_POSITIONS, book.account[POSITIONS] + 1, rules[of.MAX_POSITIONS], book, log)
        return False
    kind = position[s, ORDER_KIND]
    rate = rules[of.MAKER_RATE] if kind == LIMIT else rules[of.TAKER_RATE]
    wanted = position[s, ORDER_QUANTITY]
    quantity = payable(s, wanted, price, rate, book, rules, steps)
    one = steps[s, PRICE_ONE]
    if quantity == 0:
        asked = cost_of(price, wanted, one)
        room = position[s, ORDER_ROOM]
        w = steps[s, WALLET]
        held_back = book.wallet[w, RESERVE]
        whole = asked + fee_of(asked, rate)
        if asked > room:
            refuse(bar, s, position[s, ORDER_RULE], asked, room, book, log)
        elif whole <= book.wallet[w, CASH]:
            refuse(bar, s, CASH_RESERVE, whole, max(book.wallet[w, CASH] - held_back, 0), book, log)
        else:
            refuse(bar, s, NO_CASH, whole, book.wallet[w, CASH], book, log)
        return False
    cost = cost_of(price, quantity, one)
    fee = fee_of(cost, rate)
    reason = position[s, ORDER_REASON]
    buy_in(bar, market.open_ms[bar], s, quantity, price, cost, fee, kind, reason, book, log, rules, steps)
    return True


@part
def leaves_first(s: int, at: int, start: int, high: int, low: int, book: Any) -> bool:
    """Tell whether a held position ends in this bar before more is bought at `at`, below the open: then nothing is bought.

    It ends at an open under its stop, at a stop the price passes on its way down to `at`, and at a target the bar reaches:
    the high may have come first, and then nothing more was wanted. A sale that keeps a part ends nothing.
    """
    position = book.position
    floor = position[s, FLOOR]
    if start <= floor or (low <= floor and at < floor):
        return True
    target = tighter_target(ending_target(s, book), position[s, MICRO])
    return bool(target > 0 and high >= target)


@part
def enter(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Fill a buy order when the bar reaches it; one that is not reached stays for `decide` to renew or drop."""
    position = book.position
    one = steps[s, PRICE_ONE]
    start = to_units(market.prices[OPEN, bar, s], one)
    high = to_units(market.prices[HIGH, bar, s], one)
    low = to_units(market.prices[LOW, bar, s], one)
    kind = position[s, ORDER_KIND]
    price, at = entry_price(kind, position[s, ORDER_PRICE], start, high, low, rules[of.SLIP_RATE], steps[s, TICK])
    if price == 0:
        return
    if position[s, QUANTITY] > 0 and kind == LIMIT and leaves_first(s, at, start, high, low, book):
        drop_order(s, book)
        return
    if fill_entry(bar, s, price, market, book, log, rules, steps) and at != start:
        position[s, INSIDE] = at
    drop_order(s, book)


@called
def partial_sale(
    bar: int,
    s: int,
    quantity: int,
    level: int,
    start: int,
    market: Any,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> bool:
    """Sell a part, or all, by a resting limit at `level`, or at the better open; tell whether.

    A part below the minimum stays.
    """
    price = max(step_down(max(start, level), steps[s, TICK]), level)
    if not may_sell(s, quantity, book.position[s, QUANTITY], price, rules, steps):
        return False
    sell(bar, s, quantity, price, rules[of.MAKER_RATE], LIMIT, BY_PARTIAL, market, book, log, rules, steps)
    return True


@part
def keep_own(bar: int, s: int, start: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Let the strategy's resting sale happen: what it keeps stays in proportion, and it may buy again at once."""
    position = book.position
    level = position[s, TARGET_OWN]
    position[s, TARGET_OWN] = 0
    held = position[s, QUANTITY]
    kept = own_kept(s, held, book, steps)
    if partial_sale(bar, s, held - kept, level, start, market, book, log, rules, steps) and kept > 0:
        position[s, WEIGHT] = position[s, KEEP_OWN]


@part
def protect(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Test the exits of a held position in this bar: most bars reach neither the highest stop nor the lowest target."""
    position = book.position
    one = steps[s, PRICE_ONE]
    high = to_units(market.prices[HIGH, bar, s], one)
    low = to_units(market.prices[LOW, bar, s], one)
    high_is_ours = is_high_ours(s, book)
    if low <= position[s, FLOOR] or (position[s, CEILING] > 0 and high >= position[s, CEILING]):
        start = position[s, INSIDE]
        if start == 0:
            start = to_units(market.prices[OPEN, bar, s], one)
        leave(bar, s, start, high, low, high_is_ours, market, book, log, rules, steps)
    end_bar(s, high, high_is_ours, book, rules, steps[s, TICK])


@called
def leave(
    bar: int,
    s: int,
    start: int,
    high: int,
    low: int,
    high_is_ours: bool,
    market: Any,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> None:
    """Sell what the bar reaches: the parts below the target, then at the stop or the target all that is left.

    Where a resting entry filled inside the bar, the position's part of the bar begins at that price (`start`).
    """
    position = book.position
    tick = steps[s, TICK]
    fixed, trail, stop, others, target, part, own_part = levels_of(s, high_is_ours, book, rules, tick)
    which, at = exit_at(stop, target, start, high, low)
    own_reached = is_part_reached(own_part, which, start, high, stop, target)
    # The lower of the two first, as the market meets them; both at once are the strategy's, then the rule's.
    if own_reached and (part == 0 or own_part <= part):
        keep_own(bar, s, start, market, book, log, rules, steps)
        own_reached = False
    if is_part_reached(part, which, start, high, stop, target):
        position[s, PARTIAL] = 0
        quantity = position[s, QUANTITY] - part_kept(s, position[s, QUANTITY], rules, steps)
        if partial_sale(bar, s, quantity, part, start, market, book, log, rules, steps):
            position[s, CAP] = position[s, QUANTITY]
    if own_reached:
        keep_own(bar, s, start, market, book, log, rules, steps)
    quantity = position[s, QUANTITY]
    if quantity == 0:
        return
    if which == 0:
        arm(s, book, rules, tick)
        return
    kind = TRIGGER
    rate = rules[of.TAKER_RATE]
    reason = stop_reason(stop, fixed, trail)
    price = sell_price(at, rules[of.SLIP_RATE], tick)
    if which == 2:
        reason = target_reason(target, position[s, MICRO], others)
        # The micro-profit is a market order that its level sets off (R1.8): it pays what a taker pays.
        if reason != BY_MICRO:
            # A resting limit: at its own price or, where the bar opened beyond it, at the better open, down to the tick.
            kind = LIMIT
            rate = rules[of.MAKER_RATE]
            price = max(step_down(at, tick), target)
    sell(bar, s, quantity, price, rate, kind, reason, market, book, log, rules, steps)
    position[s, TRIPPED] = 1


@part
def is_busy(book: Any, switches: Any) -> bool:
    """Tell whether a bar can do anything to this book: an order works, or a held position is protected."""
    if book.account[ORDERS] > 0:
        return True
    return bool(switches.protected and book.account[POSITIONS] > 0)


@part
def can_trade(bar: int, s: int, market: Any, book: Any, steps: Any) -> bool:
    """Tell whether the row's order can fill in this bar; a leg's only where the other leg has a bar too.

    What a rule sells does not wait for another venue.
    """
    if not has_bar(bar, s, market):
        return False
    other = steps[s, OTHER_LEG]
    if other < 0 or not is_wish(s, book):
        return True
    return bool(has_bar(bar, other, market))


@part
def fill(bar: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Let one bar happen: sells at the open, entries, then protective exits. A row without a bar waits."""
    position = book.position
    account = book.account
    rows = position.shape[0]
    if account[ORDERS] > 0:
        for s in range(rows):
            if position[s, ORDER_SIDE] < 0 and can_trade(bar, s, market, book, steps):
                price = to_units(market.prices[OPEN, bar, s], steps[s, PRICE_ONE])
                price = sell_price(price, rules[of.SLIP_RATE], steps[s, TICK])
                quantity = position[s, ORDER_QUANTITY]
                reason = position[s, ORDER_REASON]
                take_weight(s, book)
                rate = rules[of.TAKER_RATE]
                sell(bar, s, quantity, price, rate, MARKET, reason, market, book, log, rules, steps)
                drop_order(s, book)
    if account[ORDERS] > 0:
        for s in range(rows):
            if position[s, ORDER_SIDE] > 0 and can_trade(bar, s, market, book, steps):
                enter(bar, s, market, book, log, rules, steps)
    if account[POSITIONS] > 0:
        for s in range(rows):
            if position[s, QUANTITY] > 0 and has_bar(bar, s, market):
                protect(bar, s, market, book, log, rules, steps)
