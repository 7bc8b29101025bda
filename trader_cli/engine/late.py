"""Exits that no order at the venue makes: a level was reached, the position is still there, so it is sold at the close.

The exit coordinator orders them (`must_close`); what the bar reached is judged by the functions of the simulated market.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, kernel, part
from trader_cli.engine.arm import arm, ending_target
from trader_cli.engine.levels import (
    end_bar,
    is_high_ours,
    is_part_reached,
    levels_of,
    may_sell,
    own_kept,
    part_kept,
)
from trader_cli.engine.orders import order
from trader_cli.engine.state import (
    ADDED,
    CAP,
    FLOOR,
    HIGH,
    INSIDE,
    KEEP_OWN,
    LATE,
    LATE_KEEP,
    LOW,
    MICRO,
    OPEN,
    PARTIAL,
    QUANTITY,
    TARGET_OWN,
    WEIGHT,
    Book,
    Market,
)
from trader_cli.engine.value import has_bar
from trader_cli.model.bars import Ints
from trader_cli.model.codes import BY_PARTIAL, MARKET
from trader_cli.money import to_units
from trader_cli.risk.exits import exit_at, stop_reason, target_reason
from trader_cli.risk.rules import PRICE_ONE, TICK

STOP_RESTS = 1
"""A row's stop rests at the venue: the venue sells when it is reached."""
TARGET_RESTS = 2
"""The target that ends the position rests there. The micro-profit and what keeps a part never do."""


@part
def note_late(
    s: int, start: int, high: int, low: int, high_is_ours: bool, rests: int, book: Any, rules: Any, steps: Any
) -> None:
    """Write down which exit of a held row is due after this bar, as far as no order at the venue makes it."""
    position = book.position
    fixed, trail, stop, others, target, part_at, own_at = levels_of(s, high_is_ours, book, rules, steps[s, TICK])
    if rests & STOP_RESTS:
        stop = 0
    if rests & TARGET_RESTS:
        others = 0
        target = position[s, MICRO] if high_is_ours else 0
    which, _ = exit_at(stop, target, start, high, low)
    if which == 1:
        position[s, LATE] = 1 + stop_reason(stop, fixed, trail)
        return
    if which == 2:
        position[s, LATE] = 1 + target_reason(target, position[s, MICRO], others)
        return
    own_reached = is_part_reached(own_at, which, start, high, stop, target)
    # The lower of the two first, as the market meets them; both at once are the strategy's, then the rule's.
    if own_reached and (part_at == 0 or own_at <= part_at):
        keep_late(s, max(start, own_at), book, rules, steps)
        own_reached = False
    if is_part_reached(part_at, which, start, high, stop, target):
        part_late(s, max(start, part_at), book, rules, steps)
    if own_reached:
        keep_late(s, max(start, own_at), book, rules, steps)


@part
def left_of(s: int, book: Any) -> int:
    """Return what is left of a holding once a part that is due already is sold."""
    if book.position[s, LATE] == 1 + BY_PARTIAL:
        return int(book.position[s, LATE_KEEP])
    return int(book.position[s, QUANTITY])


@called
def keep_late(s: int, price: int, book: Any, rules: Any, steps: Any) -> None:
    """Let the strategy's sale at its take be due, as its resting order would have made it."""
    position = book.position
    position[s, TARGET_OWN] = 0
    left = left_of(s, book)
    kept = own_kept(s, left, book, steps)
    if may_sell(s, left - kept, left, price, rules, steps):
        position[s, LATE] = 1 + BY_PARTIAL
        position[s, LATE_KEEP] = kept
        if kept > 0:
            position[s, WEIGHT] = position[s, KEEP_OWN]
    arm(s, book, rules, steps[s, TICK])


@called
def part_late(s: int, price: int, book: Any, rules: Any, steps: Any) -> None:
    """Let the partial target's sale be due."""
    position = book.position
    position[s, PARTIAL] = 0
    left = left_of(s, book)
    kept = part_kept(s, left, rules, steps)
    if may_sell(s, left - kept, left, price, rules, steps):
        position[s, LATE] = 1 + BY_PARTIAL
        position[s, LATE_KEEP] = kept
        position[s, CAP] = kept
    arm(s, book, rules, steps[s, TICK])


@kernel
def find(bar: int, market: Any, book: Any, rules: Any, steps: Any, rests: Any) -> None:
    """Let one closed bar happen to every row; `find_late` is the way in."""
    position = book.position
    for s in range(position.shape[0]):
        if not has_bar(bar, s, market):
            continue
        if position[s, QUANTITY] == 0:
            position[s, INSIDE] = 0
            position[s, ADDED] = 0
            continue
        one = steps[s, PRICE_ONE]
        high = to_units(market.prices[HIGH, bar, s], one)
        low = to_units(market.prices[LOW, bar, s], one)
        high_is_ours = is_high_ours(s, book)
        start = position[s, INSIDE]
        if start == 0:
            start = to_units(market.prices[OPEN, bar, s], one)
        # What is due already stays due for its own reason.
        if position[s, LATE] == 0 or position[s, LATE] == 1 + BY_PARTIAL:
            note_late(s, start, high, low, high_is_ours, rests[s], book, rules, steps)
        end_bar(s, high, high_is_ours, book, rules, steps[s, TICK])


def find_late(bar: int, market: Market, book: Book, rules: Ints, steps: Ints, rests: Ints) -> None:
    """Let one closed bar happen to what is held where a venue fills: what it reached is due, what follows it follows.

    To be called once for every closed bar, in order, after what the venue did in it was booked and before the newest is
    decided on. rests: int64, per row STOP_RESTS and TARGET_RESTS added up.
    """
    assert 0 <= bar < len(market.open_ms)  # noqa: S101 only a bug breaks it
    assert len(book.position) == len(steps) == len(rests)  # noqa: S101
    find(bar, market, book, rules, steps, rests)


@kernel
def levels_at_rest(s: int, book: Any) -> Any:
    """Return (stop, target) that can rest at a venue; `resting_levels` is the way in."""
    return book.position[s, FLOOR], ending_target(s, book)


def resting_levels(row: int, book: Book) -> tuple[int, int]:
    """Return the stop and the target of a held row that can rest at a venue, price units; 0 = none.

    The stop is the highest in force, the target the lowest that ends the position at its own price: the micro-profit is a
    market sale that its level sets off, and what keeps a part is sold by the engine.
    """
    assert 0 <= row < len(book.position)  # noqa: S101 only a bug breaks it
    stop, target = levels_at_rest(row, book)
    return int(stop), int(target)


@part
def sell_part(s: int, close_ms: int, book: Any) -> None:
    """Order the sale of the part that is due, once: what does not fill stays."""
    position = book.position
    position[s, LATE] = 0
    quantity = position[s, QUANTITY] - position[s, LATE_KEEP]
    if quantity > 0:
        order(s, -1, MARKET, quantity, 0, position[s, WEIGHT], BY_PARTIAL, close_ms, book)
