"""What a purchase makes of a row: sized for its order's level and, where it was flat, protected. Whoever fills, calls this."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import part
from trader_cli.engine.arm import arm
from trader_cli.engine.booking import book_fill
from trader_cli.engine.state import (
    ADDED,
    BREAK_EVEN,
    CAP,
    ENTRY_ATR,
    ENTRY_MS,
    ENTRY_PRICE,
    KEEP_OWN,
    MICRO,
    ORDER_ATR,
    ORDER_KEEP,
    ORDER_STOP,
    ORDER_TARGET,
    ORDER_WEIGHT,
    PARTIAL,
    QUANTITY,
    STOP,
    STOP_OWN,
    TARGET,
    TARGET_OWN,
    TRAIL_ATR,
    TRAIL_HIGH,
    WEIGHT,
)
from trader_cli.risk import columns as of
from trader_cli.risk.exits import atr_stop, paying_level, stop_level, target_level, tighter_stop
from trader_cli.risk.rules import TICK


@part
def take_weight(s: int, book: Any) -> None:
    """Size the holding for its order's level; another level than before ends what a partial target capped."""
    position = book.position
    if position[s, WEIGHT] != position[s, ORDER_WEIGHT]:
        position[s, WEIGHT] = position[s, ORDER_WEIGHT]
        position[s, CAP] = 0


@part
def buy_in(
    bar: int,
    open_ms: int,
    s: int,
    quantity: int,
    price: int,
    notional: int,
    fee: int,
    kind: int,
    reason: int,
    book: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> None:
    """Book what filled of the row's working order to buy; the first of it hangs the exits of a new position on its price."""
    was_flat = book.position[s, QUANTITY] == 0
    book_fill(bar, open_ms, s, 1, quantity, price, notional, fee, kind, reason, book, log, rules, steps)
    take_weight(s, book)
    if was_flat:
        protect_entry(open_ms, s, price, book, rules, steps)


@part
def take_part(s: int, price: int, book: Any, rules: Any, steps: Any) -> None:
    """Note that a level sold a part at `price`: the lower of the strategy's and the rule's first, as the market meets them.

    Pieces of one sale come one after the other; only the first finds its level.
    """
    position = book.position
    own = position[s, TARGET_OWN] if position[s, KEEP_OWN] >= 0 and position[s, ADDED] == 0 else 0
    part = position[s, PARTIAL]
    if position[s, QUANTITY] == 0:
        return
    if 0 < own <= price and (part == 0 or own <= part):
        position[s, TARGET_OWN] = 0
        position[s, WEIGHT] = position[s, KEEP_OWN]
    elif 0 < part <= price:
        position[s, PARTIAL] = 0
        position[s, CAP] = position[s, QUANTITY]
    elif position[s, CAP] > 0:
        position[s, CAP] = position[s, QUANTITY]
    arm(s, book, rules, steps[s, TICK])


@part
def protect_entry(open_ms: int, s: int, price: int, book: Any, rules: Any, steps: Any) -> None:
    """Hang the exits of a new position on its first entry's price; a later resize keeps them."""
    position = book.position
    tick = steps[s, TICK]
    atr = position[s, ORDER_ATR]
    fixed = stop_level(price, rules[of.STOP_RATE], tick)
    position[s, STOP] = tighter_stop(fixed, atr_stop(price, atr, rules[of.STOP_MULTIPLE], tick))
    position[s, TARGET] = target_level(price, rules[of.TARGET_RATE], tick)
    position[s, MICRO] = paying_level(price, rules[of.MICRO_RATE], rules[of.MICRO_SLIP], tick)
    position[s, PARTIAL] = target_level(price, rules[of.PARTIAL_RATE], tick)
    position[s, TRAIL_HIGH] = price
    position[s, TRAIL_ATR] = atr_stop(price, atr, rules[of.TRAIL_MULTIPLE], tick)
    position[s, BREAK_EVEN] = 0
    position[s, STOP_OWN] = position[s, ORDER_STOP]
    position[s, TARGET_OWN] = position[s, ORDER_TARGET]
    position[s, KEEP_OWN] = position[s, ORDER_KEEP]
    position[s, ENTRY_PRICE] = price
    position[s, ENTRY_MS] = open_ms
    position[s, ENTRY_ATR] = atr
    arm(s, book, rules, tick)
