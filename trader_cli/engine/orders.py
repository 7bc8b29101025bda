"""The one working order of a row: what it asks for, and what it carries to the position it may become."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import part
from trader_cli.engine.state import (
    ORDER_ATR,
    ORDER_KEEP,
    ORDER_KIND,
    ORDER_MS,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_ROOM,
    ORDER_RULE,
    ORDER_SIDE,
    ORDER_STOP,
    ORDER_TARGET,
    ORDER_WEIGHT,
    ORDERS,
    OWN_LIMIT,
    OWN_STOP,
    OWN_TAKE,
    OWN_TRIGGER,
)
from trader_cli.engine.watch import measured_atr, own_keep, own_level
from trader_cli.model.codes import BY_REBALANCE, BY_STRATEGY, LIMIT, MARKET, TRIGGER
from trader_cli.money import step_down, step_up, to_units
from trader_cli.risk.rules import PRICE_ONE, TICK


@part
def order(
    s: int, side: int, kind: int, quantity: int, price: int, weight: int, reason: int, close_ms: int, book: Any
) -> None:
    """Put the row's one working order on the book; close_ms: of the bar it was decided on."""
    position = book.position
    position[s, ORDER_SIDE] = side
    position[s, ORDER_KIND] = kind
    position[s, ORDER_QUANTITY] = quantity
    position[s, ORDER_PRICE] = price
    position[s, ORDER_WEIGHT] = weight
    position[s, ORDER_REASON] = reason
    position[s, ORDER_MS] = close_ms
    book.account[ORDERS] += 1


@part
def is_wish(s: int, book: Any) -> bool:
    """Tell whether the row's order is its strategy's wish and not a rule's."""
    reason = book.position[s, ORDER_REASON]
    return bool(book.position[s, ORDER_SIDE] != 0 and reason in (BY_STRATEGY, BY_REBALANCE))


@part
def entry_order(bar: int, s: int, held: int, market: Any, steps: Any) -> Any:
    """Return (kind, price) of a buy: the strategy's limit, when flat its trigger, where stated, else a market order."""
    if market.signals.shape[0] > 1:
        limit = market.signals[OWN_LIMIT, bar, s]
        if limit > 0.0:
            return LIMIT, step_down(to_units(limit, steps[s, PRICE_ONE]), steps[s, TICK])
        trigger = market.signals[OWN_TRIGGER, bar, s]
        if trigger > 0.0 and held == 0:
            return TRIGGER, step_up(to_units(trigger, steps[s, PRICE_ONE]), steps[s, TICK])
    return MARKET, 0


@part
def equip(bar: int, s: int, room: int, rule: int, market: Any, book: Any, steps: Any) -> None:
    """Give a buy what it may spend, and what its position is protected with: the strategy's levels and today's range."""
    position = book.position
    position[s, ORDER_ROOM] = room
    position[s, ORDER_RULE] = rule
    position[s, ORDER_ATR] = measured_atr(bar, s, market, steps)
    position[s, ORDER_STOP] = 0
    position[s, ORDER_TARGET] = 0
    position[s, ORDER_KEEP] = -1
    if market.signals.shape[0] > 1:
        position[s, ORDER_STOP] = own_level(OWN_STOP, bar, s, market, steps)
        position[s, ORDER_TARGET] = own_level(OWN_TAKE, bar, s, market, steps)
        position[s, ORDER_KEEP] = own_keep(bar, s, market)
