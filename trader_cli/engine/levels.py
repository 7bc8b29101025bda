"""The levels a held position has in a bar, what they leave of it, and how they follow the bar once it is over.

Whoever sells at them, the simulated market or the exit that comes late where a venue held none, asks here.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.arm import arm, ending_target, fixed_stop, trailing_stop
from trader_cli.engine.state import (
    ADDED,
    BREAK_EVEN,
    ENTRY_PRICE,
    INSIDE,
    KEEP_OWN,
    MICRO,
    ORDER_KIND,
    PARTIAL,
    QUANTITY,
    TARGET_OWN,
    TRAIL_HIGH,
    WEIGHT,
)
from trader_cli.model.codes import LIMIT
from trader_cli.money import ONE, mul_div, step_down
from trader_cli.risk import columns as of
from trader_cli.risk.exits import break_even_level, reached_before, tighter_stop, tighter_target
from trader_cli.risk.limits import below_minimum
from trader_cli.risk.rules import LOT


@part
def is_high_ours(s: int, book: Any) -> bool:
    """Tell whether the bar's high is the position's: after a limit entry inside the bar it may lie before the entry."""
    return bool(book.position[s, INSIDE] == 0 or book.position[s, ORDER_KIND] != LIMIT)


@part
def levels_of(s: int, high_is_ours: bool, book: Any, rules: Any, tick: int) -> Any:
    """Return (fixed, trail, stop, others, target, part, own) as they stand in this bar, 0 = none.

    stop: the highest of all. target: the lowest that ends the position; others: that without the micro-profit. part, own: the
    levels that keep a part, the rule's and the strategy's. A high that may lie before the entry reaches no target. A sale of
    the strategy's that keeps a part is not reached in a bar that added to the holding.
    """
    position = book.position
    fixed = fixed_stop(s, book)
    trail = trailing_stop(s, book, rules, tick)
    stop = tighter_stop(tighter_stop(fixed, trail), position[s, BREAK_EVEN])
    others = ending_target(s, book)
    if not high_is_ours:
        return fixed, trail, stop, others, 0, 0, 0
    own = position[s, TARGET_OWN] if position[s, KEEP_OWN] >= 0 and position[s, ADDED] == 0 else 0
    return fixed, trail, stop, others, tighter_target(others, position[s, MICRO]), position[s, PARTIAL], own


@part
def is_part_reached(level: int, which: int, start: int, high: int, stop: int, target: int) -> bool:
    """Tell whether a level that keeps a part is reached before what ends the position (`which` of `exit_at`)."""
    return bool(reached_before(level, which, start, high, stop) and (target == 0 or level < target))


@part
def own_kept(s: int, held: int, book: Any, steps: Any) -> int:
    """Return what the strategy's sale at its take leaves of a holding, in proportion to the level it keeps."""
    keep = book.position[s, KEEP_OWN]
    weight = book.position[s, WEIGHT]
    if keep >= weight:
        return held
    return step_down(mul_div(held, keep, weight), steps[s, LOT])


@part
def part_kept(s: int, held: int, rules: Any, steps: Any) -> int:
    """Return what the partial target leaves of a holding."""
    return held - step_down(mul_div(held, rules[of.PARTIAL_SHARE], ONE), steps[s, LOT])


@part
def may_sell(s: int, quantity: int, held: int, price: int, rules: Any, steps: Any) -> bool:
    """Tell whether so much of a holding can be sold: all of it always, a part not under the minimum."""
    return bool(quantity > 0 and (quantity == held or not below_minimum(s, quantity, price, rules, steps)))


@part
def end_bar(s: int, high: int, high_is_ours: bool, book: Any, rules: Any, tick: int) -> None:
    """Close a bar for a row: its entry lies behind it, and what follows the market follows its high."""
    position = book.position
    position[s, INSIDE] = 0
    position[s, ADDED] = 0
    follows = rules[of.TRAIL_RATE] + rules[of.TRAIL_MULTIPLE] + rules[of.BREAK_EVEN_RATE]
    if follows > 0 and high > position[s, TRAIL_HIGH] and high_is_ours and position[s, QUANTITY] > 0:
        follow_high(s, high, book, rules, tick)


@called
def follow_high(s: int, high: int, book: Any, rules: Any, tick: int) -> None:
    """Let a new high raise what follows it, from the next bar on: in this bar the low may have come after."""
    position = book.position
    position[s, TRAIL_HIGH] = high
    level = break_even_level(position[s, ENTRY_PRICE], high, rules, tick)
    position[s, BREAK_EVEN] = tighter_stop(level, position[s, BREAK_EVEN])
    if rules[of.TRAIL_RATE] + rules[of.BREAK_EVEN_RATE] > 0:
        arm(s, book, rules, tick)
