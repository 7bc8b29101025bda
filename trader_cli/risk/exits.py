"""The one exit coordinator: where a held position is protected inside a bar, and which rule comes first.

Order inside one bar: what the open decides (open beyond stop, then beyond target), then stop before target, because bars do
not tell which came first and the worse case is assumed. Between fixed and trailing stop the higher one is reached first.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div, mul_div_up, step_down, step_up


@inlined
def stop_level(price: int, rate: int, tick: int) -> int:
    """Return the stop `rate` (1e-8) under `price`, down to the tick; 0 when the rule is off."""
    if rate <= 0:
        return 0
    return step_down(mul_div(price, ONE - rate, ONE), tick)


@inlined
def target_level(price: int, rate: int, tick: int) -> int:
    """Return the target `rate` (1e-8) over `price`, up to the tick; 0 when the rule is off."""
    if rate <= 0:
        return 0
    return step_up(mul_div_up(price, ONE + rate, ONE), tick)


@inlined
def tighter_stop(one: int, other: int) -> int:
    """Return the stop that is reached first from above; 0 = none."""
    return max(one, other)


@inlined
def tighter_target(one: int, other: int) -> int:
    """Return the target that is reached first from below; 0 = none."""
    if one == 0 or (other != 0 and other < one):
        return other
    return one


@inlined
def exit_at(stop: int, target: int, start: int, high: int, low: int) -> Any:
    """Return (which, price): which is 0 none, 1 stop, 2 target; price is where the market was, before slippage.

    start: where the position's part of the bar begins, the open as a rule. All in price units; a level of 0 = none.
    """
    if stop > 0 and start <= stop:
        return 1, start
    if target > 0 and start >= target:
        return 2, start
    if stop > 0 and low <= stop:
        return 1, stop
    if target > 0 and high >= target:
        return 2, target
    return 0, 0
