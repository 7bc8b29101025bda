"""`fill`: what the market does to working orders and protected positions inside one bar.

Sells at the open come first, so that their cash is there for the buys; then entries in name order; then the exit
coordinator. Live asks the venue instead of this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import inlined
from trader_cli.engine.booking import book_fill, drop_order, refuse
from trader_cli.engine.state import (
    CASH,
    HIGH,
    INSIDE,
    LOW,
    OPEN,
    ORDER_KIND,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_SIDE,
    ORDER_STOP,
    ORDER_TARGET,
    ORDER_WEIGHT,
    ORDERS,
    POSITIONS,
    QUANTITY,
    STOP,
    STOP_OWN,
    TARGET,
    TARGET_OWN,
    TRAIL_HIGH,
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
from trader_cli.risk.exits import exit_at, stop_level, target_level, tighter_stop, tighter_target
from trader_cli.risk.limits import below_minimum, no_slot
from trader_cli.risk.rules import LOT, PRICE_ONE, TICK

MARKET = int(OrderKind.MARKET)
LIMIT = int(OrderKind.LIMIT)
TRIGGER = int(OrderKind.STOP)
BY_STRATEGY = int(Reason.STRATEGY)
BY_STOP = int(Reason.STOP)
BY_TRAIL = int(Reason.TRAIL)
BY_TARGET = int(Reason.TARGET)
NO_CASH = int(Refusal.NO_CASH)
MAX_POSITIONS = int(Refusal.MAX_POSITIONS)


@inlined
def has_bar(bar: int, s: int, market: Any) -> bool:
    """Tell whether the symbol has a bar at this time: its open is not NaN."""
    price = market.prices[OPEN, bar, s]
    return not np.isnan(price)


@inlined
def sell(
    bar: int, s: int, quantity: int, price: int, rate: int, kind: int, reason: int, book: Any, log: Any, steps: Any
) -> None:
    """Sell at `price` (final, price units) with a fee of `rate`."""
    notional = proceeds_of(price, quantity, steps[s, PRICE_ONE])
    book_fill(bar, s, -1, quantity, price, notional, fee_of(notional, rate), kind, reason, book, log)


@inlined
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


@inlined
def fill_entry(bar: int, s: int, price: int, book: Any, log: Any, rules: Any, steps: Any) -> bool:
    """Buy the ordered quantity, or as many whole lots as the cash can pay; tell whether anything was bought."""
    position = book.position
    was_flat = position[s, QUANTITY] == 0
    if was_flat and no_slot(book.account[POSITIONS], rules):
        # The slot was to be freed by a sale that found no bar.
        refuse(bar, s, MAX_POSITIONS, log)
        return False
    kind = position[s, ORDER_KIND]
    rate = rules.maker_rate if kind == LIMIT else rules.taker_rate
    quantity = position[s, ORDER_QUANTITY]
    one = steps[s, PRICE_ONE]
    tick = steps[s, TICK]
    cost = cost_of(price, quantity, one)
    fee = fee_of(cost, rate)
    if cost + fee > book.account[CASH]:
        quantity = affordable(book.account[CASH], price, rate, steps[s, LOT], one)
        if quantity <= 0 or below_minimum(s, quantity, price, rules, steps):
            refuse(bar, s, NO_CASH, log)
            return False
        cost = cost_of(price, quantity, one)
        fee = fee_of(cost, rate)
    book_fill(bar, s, 1, quantity, price, cost, fee, kind, position[s, ORDER_REASON], book, log)
    position[s, WEIGHT] = position[s, ORDER_WEIGHT]
    if was_flat:
        # Protection hangs on the first entry's price; a later resize keeps it.
        position[s, STOP] = stop_level(price, rules.stop_rate, tick)
        position[s, TARGET] = target_level(price, rules.target_rate, tick)
        position[s, TRAIL_HIGH] = price
        position[s, STOP_OWN] = position[s, ORDER_STOP]
        position[s, TARGET_OWN] = position[s, ORDER_TARGET]
    return True


@inlined
def enter(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Fill a buy order when the bar reaches it; one that is not reached stays for `decide` to renew or drop."""
    position = book.position
    one = steps[s, PRICE_ONE]
    start = to_units(market.prices[OPEN, bar, s], one)
    high = to_units(market.prices[HIGH, bar, s], one)
    low = to_units(market.prices[LOW, bar, s], one)
    kind = position[s, ORDER_KIND]
    price, at = entry_price(kind, position[s, ORDER_PRICE], start, high, low, rules.slip_rate, steps[s, TICK])
    if price == 0:
        return
    if fill_entry(bar, s, price, book, log, rules, steps) and at != start:
        position[s, INSIDE] = at
    drop_order(s, book)


@inlined
def protect(bar: int, s: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Test stop, trailing stop and target of a held position in this bar.

    Where a resting entry filled inside the bar, the position's part of the bar begins at that price. After a limit
    entry the bar's high may lie before the entry: it then reaches no target and raises no trailing stop in this bar.
    """
    position = book.position
    one = steps[s, PRICE_ONE]
    tick = steps[s, TICK]
    high = to_units(market.prices[HIGH, bar, s], one)
    low = to_units(market.prices[LOW, bar, s], one)
    inside = position[s, INSIDE]
    high_is_ours = inside == 0 or position[s, ORDER_KIND] != LIMIT
    position[s, INSIDE] = 0
    fixed = tighter_stop(position[s, STOP], position[s, STOP_OWN])
    trail = stop_level(position[s, TRAIL_HIGH], rules.trail_rate, tick)
    stop = tighter_stop(fixed, trail)
    target = tighter_target(position[s, TARGET], position[s, TARGET_OWN])
    if not high_is_ours:
        target = 0
    if low > stop and (target == 0 or high < target):
        if rules.trail_rate > 0 and high_is_ours and high > position[s, TRAIL_HIGH]:
            position[s, TRAIL_HIGH] = high
        return
    start = inside if inside > 0 else to_units(market.prices[OPEN, bar, s], one)
    which, at = exit_at(stop, target, start, high, low)
    quantity = position[s, QUANTITY]
    if which == 1:
        reason = BY_TRAIL if trail > fixed else BY_STOP
        price = sell_price(at, rules.slip_rate, tick)
        sell(bar, s, quantity, price, rules.taker_rate, TRIGGER, reason, book, log, steps)
    else:
        # A resting limit: at its own price or, where the bar opened beyond it, at the better open, down to the tick.
        price = max(step_down(at, tick), target)
        sell(bar, s, quantity, price, rules.maker_rate, LIMIT, BY_TARGET, book, log, steps)
    position[s, TRIPPED] = 1


@inlined
def is_busy(book: Any, market: Any, rules: Any) -> bool:
    """Tell whether a bar can do anything to this book: an order works, or a held position is protected."""
    if book.account[ORDERS] > 0:
        return True
    levels = rules.stop_rate + rules.target_rate + rules.trail_rate + market.signals.shape[0] - 1
    return bool(levels > 0 and book.account[POSITIONS] > 0)


@inlined
def fill(bar: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> None:
    """Let one bar happen: sells at the open, entries, then protective exits. A symbol without a bar waits."""
    position = book.position
    account = book.account
    symbols = position.shape[0]
    if account[ORDERS] > 0:
        for s in range(symbols):
            if position[s, ORDER_SIDE] < 0 and has_bar(bar, s, market):
                price = to_units(market.prices[OPEN, bar, s], steps[s, PRICE_ONE])
                price = sell_price(price, rules.slip_rate, steps[s, TICK])
                quantity = position[s, ORDER_QUANTITY]
                position[s, WEIGHT] = position[s, ORDER_WEIGHT]
                sell(bar, s, quantity, price, rules.taker_rate, MARKET, position[s, ORDER_REASON], book, log, steps)
                drop_order(s, book)
    if account[ORDERS] > 0:
        for s in range(symbols):
            if position[s, ORDER_SIDE] > 0 and has_bar(bar, s, market):
                enter(bar, s, market, book, log, rules, steps)
    if account[POSITIONS] > 0:
        for s in range(symbols):
            if position[s, QUANTITY] > 0 and has_bar(bar, s, market):
                protect(bar, s, market, book, log, rules, steps)
