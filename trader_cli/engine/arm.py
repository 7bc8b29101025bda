"""The two levels a bar is held against: kept beside the many they are made of, so that most bars cost two comparisons."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called
from trader_cli.engine.state import (
    BREAK_EVEN,
    CEILING,
    FLOOR,
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


@called
def arm(s: int, book: Any, rules: Any, tick: int) -> None:
    """Find the row's highest stop and lowest target anew; whoever changes one of its levels calls it."""
    position = book.position
    trail = tighter_stop(stop_level(position[s, TRAIL_HIGH], rules[of.TRAIL_RATE], tick), position[s, TRAIL_ATR])
    fixed = tighter_stop(position[s, STOP], position[s, STOP_OWN])
    position[s, FLOOR] = tighter_stop(tighter_stop(fixed, trail), position[s, BREAK_EVEN])
    target = tighter_target(position[s, TARGET], position[s, TARGET_OWN])
    target = tighter_target(target, position[s, MICRO])
    position[s, CEILING] = tighter_target(target, position[s, PARTIAL])
