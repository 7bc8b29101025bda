"""The one exit coordinator: where a held position is protected inside a bar, what ends it at a close, and which comes first.

Inside one bar: what the open decides (open beyond stop, then beyond target), then stop before target, because bars do
not tell which came first and the worse case is assumed. Of several stops the highest is reached first, of several
targets the lowest; where two are equal the order is stop, trailing, break-even and target, micro-profit.

At a close: kill switch, an exit that was due inside the bar and that no venue made, HIGH risk, time, the strategy's own
wish (R0.2; in a simulated market stop to micro-profit happened inside the bar).
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.model.codes import BY_BREAK_EVEN, BY_KILL, BY_MICRO, BY_RISK, BY_STOP, BY_TARGET, BY_TIME, BY_TRAIL
from trader_cli.money import ONE, mul_div, mul_div_up, step_down, step_up
from trader_cli.risk import columns as of


@inlined
def stop_level(price: int, rate: int, tick: int) -> int:
    """Return the stop `rate` (1e-8) under `price`, down to the tick; 0 when the rule is off."""
    if rate <= 0:
        return 0
    return step_down(mul_div(price, ONE - rate, ONE), tick)


@inlined
def atr_stop(price: int, atr: int, multiple: int, tick: int) -> int:
    """Return the stop `multiple` (1e-8) average true ranges under `price`, down to the tick; 0 when off or unknown.

    From the highest high it is the chandelier exit: Le Beau, in Elder (2002), "Come Into My Trading Room".
    """
    if multiple <= 0 or atr <= 0:
        return 0
    return step_down(max(price - mul_div(atr, multiple, ONE), 0), tick)


@inlined
def target_level(price: int, rate: int, tick: int) -> int:
    """Return the target `rate` (1e-8) over `price`, up to the tick; 0 when the rule is off."""
    if rate <= 0:
        return 0
    return step_up(mul_div_up(price, ONE + rate, ONE), tick)


@inlined
def level_for(entry: int, rate: int, slip: int, tick: int) -> int:
    """Return the level from which a market sale, after slippage and rounding, gets `rate` (1e-8) over the entry.

    The price to be got is a whole number of ticks, so that rounding what slippage leaves down to the tick cannot miss it.
    """
    wanted = step_up(mul_div_up(entry, ONE + rate, ONE), tick)
    return step_up(mul_div_up(wanted, ONE, ONE - slip), tick)


@inlined
def paying_level(entry: int, rate: int, slip: int, tick: int) -> int:
    """Return the level of `level_for`; 0 when the rule is off."""
    if rate <= 0:
        return 0
    return level_for(entry, rate, slip, tick)


@inlined
def break_even_level(entry: int, high: int, rules: Any, tick: int) -> int:
    """Return the stop that a high of break_even_rate over the entry earns: the price that pays entry and both costs, else 0.

    A high below that price earns none: the stop would stand above the market.
    """
    if rules[of.BREAK_EVEN_RATE] == 0 or high < target_level(entry, rules[of.BREAK_EVEN_RATE], tick):
        return 0
    level = level_for(entry, rules[of.BREAK_EVEN_GAIN], rules[of.SLIP_RATE], tick)
    return level if level <= high else 0


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
def stop_reason(stop: int, fixed: int, trail: int) -> int:
    """Return why a position is sold at `stop`, the highest of its stops."""
    if fixed == stop:
        return BY_STOP
    if trail == stop:
        return BY_TRAIL
    return BY_BREAK_EVEN


@inlined
def target_reason(target: int, micro: int, others: int) -> int:
    """Return why a position is sold at `target`, the lower of the micro-profit's level and the other targets'."""
    if micro == target and others != target:
        return BY_MICRO
    return BY_TARGET


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


@inlined
def reached_before(level: int, which: int, start: int, high: int, stop: int) -> bool:
    """Tell whether a partial target is reached before what `exit_at` found (`which`) takes the rest.

    A stop inside the bar comes first, unless the bar began beyond the level already.
    """
    if level == 0 or start <= stop:
        return False
    if start >= level:
        return True
    return which != 1 and high >= level


@inlined
def open_loss(entry: int, price: int) -> int:
    """Return how far `price` is under the entry, 1e-8 of it; 0 where it is not."""
    if price >= entry:
        return 0
    return mul_div(entry - price, ONE, entry)


@inlined
def may_be_high(loss: int, rules: Any) -> bool:
    """Tell whether a risk score can reach its limit with this open loss (1e-8), whatever the other parts: mostly not."""
    rest = rules[of.HIGH_SCORE] - rules[of.HIGH_ATR_POINTS] - rules[of.HIGH_SHARE_POINTS]
    if rest <= 0:
        return True
    return loss > 0 and loss * rules[of.HIGH_LOSS_POINTS] >= rest * rules[of.HIGH_LOSS_RATE]


@inlined
def risk_score(loss: int, atr_growth: int, share: int, rules: Any) -> int:
    """Return how endangered a position is: 0 (not) up to the sum of the three points of the rules (100 as a rule).

    loss: open loss over the entry price. atr_growth: average true range now over that at the entry, less 1. share: of
    the wallet's equity that the position is. All 1e-8, at least 0. Each earns its points in proportion, in full where it
    reaches high_loss_rate, high_atr_multiple - 1 and high_share_rate.
    """
    score = 0
    if rules[of.HIGH_LOSS_RATE] > 0:
        score += rules[of.HIGH_LOSS_POINTS] * min(loss, rules[of.HIGH_LOSS_RATE]) // rules[of.HIGH_LOSS_RATE]
    if rules[of.HIGH_ATR_MULTIPLE] > ONE:
        full = rules[of.HIGH_ATR_MULTIPLE] - ONE
        score += rules[of.HIGH_ATR_POINTS] * min(atr_growth, full) // full
    if rules[of.HIGH_SHARE_RATE] > 0:
        score += rules[of.HIGH_SHARE_POINTS] * min(share, rules[of.HIGH_SHARE_RATE]) // rules[of.HIGH_SHARE_RATE]
    return int(score)


@inlined
def closing_reason(killed: bool, late: int, score: int, held_ms: int, rules: Any) -> int:
    """Return the first rule, in the order of R0.2, that ends a position at a close whatever the strategy wants; -1 = none.

    late: the reason of an exit that was due inside the bar and that no venue made, -1 = none.
    """
    if killed:
        return BY_KILL
    if late >= 0:
        return late
    if rules[of.HIGH_SCORE] > 0 and score >= rules[of.HIGH_SCORE]:
        return BY_RISK
    if rules[of.HOLD_BARS] > 0 and held_ms >= rules[of.HOLD_BARS] * rules[of.BAR_MS]:
        return BY_TIME
    return -1
