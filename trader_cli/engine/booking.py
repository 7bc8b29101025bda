"""`book`: one fill changes cash and holding, and is written down. Nothing else touches either."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.engine.state import (
    CASH,
    FILLS,
    LOG_BAR,
    LOG_FEE,
    LOG_KIND,
    LOG_NOTIONAL,
    LOG_PRICE,
    LOG_QUANTITY,
    LOG_REASON,
    LOG_SIDE,
    LOG_SYMBOL,
    ORDER_SIDE,
    ORDERS,
    POSITIONS,
    QUANTITY,
    REFUSED_COUNT,
    REFUSED_FIRST_BAR,
    STOP,
    STOP_OWN,
    TARGET,
    TARGET_OWN,
    TRAIL_HIGH,
    WEIGHT,
)


@inlined
def book_fill(
    bar: int,
    s: int,
    side: int,
    quantity: int,
    price: int,
    notional: int,
    fee: int,
    kind: int,
    reason: int,
    book: Any,
    log: Any,
) -> None:
    """Apply a fill: a buy lowers cash by notional + fee, a sell raises it by notional - fee (1e-8 quote)."""
    account = book.account
    position = book.position
    before = position[s, QUANTITY]
    after = before + side * quantity
    position[s, QUANTITY] = after
    account[CASH] -= side * notional + fee
    if before == 0:
        account[POSITIONS] += 1
    if after == 0:
        account[POSITIONS] -= 1
        position[s, STOP] = 0
        position[s, STOP_OWN] = 0
        position[s, TARGET] = 0
        position[s, TARGET_OWN] = 0
        position[s, TRAIL_HIGH] = 0
        position[s, WEIGHT] = 0
    n = account[FILLS]
    log.fills[n, LOG_BAR] = bar
    log.fills[n, LOG_SYMBOL] = s
    log.fills[n, LOG_SIDE] = side
    log.fills[n, LOG_QUANTITY] = quantity
    log.fills[n, LOG_PRICE] = price
    log.fills[n, LOG_NOTIONAL] = notional
    log.fills[n, LOG_FEE] = fee
    log.fills[n, LOG_KIND] = kind
    log.fills[n, LOG_REASON] = reason
    account[FILLS] = n + 1


@inlined
def drop_order(s: int, book: Any) -> None:
    """Take the symbol's working order off the book, filled or not."""
    if book.position[s, ORDER_SIDE] != 0:
        book.position[s, ORDER_SIDE] = 0
        book.account[ORDERS] -= 1


@inlined
def refuse(bar: int, s: int, why: int, log: Any) -> None:
    """Count a refusal and remember the first bar it happened in."""
    if log.refused[s, why, REFUSED_COUNT] == 0:
        log.refused[s, why, REFUSED_FIRST_BAR] = bar
    log.refused[s, why, REFUSED_COUNT] += 1
