"""The two levels a bar is held against: kept beside the many they are made of, so that most bars cost two comparisons."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.state import (
    BREAK_EVEN,
    CEILING,
    FLOOR,
    KEEP_OWN,
    MICRO,
    PARTIAL,
    STOP,
    STOP_OWN,
    TARGET,
    TARGET_OWN,
    TRAIL_ATR,
    TRAIL_HIGH,
)
from trader_cli.risk import columns as of
from trader_cli.risk.exits import stop_level, tighter_stop, tighter_target


@part
def fixed_stop(s: int, book: Any) -> int:
    """Return the higher of the stops that stand where they are: the rules' and the strategy's own."""
    return tighter_stop(book.position[s, STOP], book.position[s, STOP_OWN])


@part
def trailing_stop(s: int, book: Any, rules: Any, tick: int) -> int:
    """Return the higher of the stops that follow the market: under the highest high, by percent and by ATR."""
    by_rate = stop_level(book.position[s, TRAIL_HIGH], rules[of.TRAIL_RATE], tick)
    return tighter_stop(by_rate, book.position[s, TRAIL_ATR])


@part
def ending_target(s: int, book: Any) -> int:
    """Return the lower of the rule's target and the strategy's own where that one ends the position; 0 = none."""
    position = book.position
    own = position[s, TARGET_OWN] if position[s, KEEP_OWN] < 0 else 0
    return tighter_target(position[s, TARGET], own)


@called
def arm(s: int, book: Any, rules: Any, tick: int) -> None:
    """Find the row's highest stop and lowest target anew; whoever changes one of its levels calls it."""
    position = book.position
    stop = tighter_stop(fixed_stop(s, book), trailing_stop(s, book, rules, tick))
    position[s, FLOOR] = tighter_stop(stop, position[s, BREAK_EVEN])
    target = tighter_target(position[s, TARGET], position[s, TARGET_OWN])
    target = tighter_target(target, position[s, MICRO])
    position[s, CEILING] = tighter_target(target, position[s, PARTIAL])
