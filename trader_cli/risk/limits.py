"""What an order must satisfy before it is made. Each rule is one function; `engine.approve` is the only caller of each.

Amounts are 1e-8 quote. A limit that is 0 in the rules is off.
"""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div, mul_div_up, proceeds_of, step_up
from trader_cli.risk import columns as of
from trader_cli.risk.rules import LEAST_NOTIONAL, LEAST_QUANTITY, PRICE_ONE

NO_LIMIT = 4_000_000_000_000_000_000


@inlined
def least_notional(s: int, rules: Any, steps: Any) -> int:
    """Return the smallest order in quote: the largest of the user's, the venue's and the learned minimum."""
    return int(max(steps[s, LEAST_NOTIONAL], rules[of.MIN_NOTIONAL]))


@inlined
def least_worth(s: int, price: int, rules: Any, steps: Any) -> int:
    """Return what the smallest order is worth at `price`: the smallest notional, or the smallest quantity's if it is more."""
    by_quantity = mul_div_up(steps[s, LEAST_QUANTITY], price, steps[s, PRICE_ONE])
    return max(least_notional(s, rules, steps), by_quantity)


@inlined
def below_minimum(s: int, quantity: int, price: int, rules: Any, steps: Any) -> bool:
    """Tell whether an order is under the instrument's smallest quantity or the larger of both smallest notionals."""
    if quantity < steps[s, LEAST_QUANTITY]:
        return True
    least = least_notional(s, rules, steps)
    return least > 0 and proceeds_of(price, quantity, steps[s, PRICE_ONE]) < least


@inlined
def raised_quantity(s: int, price: int, lot: int, rules: Any, steps: Any) -> int:
    """Return the quantity worth the minimum times the rule's multiple, up to the lot; 0 where the rule is off."""
    if rules[of.RAISE_MULTIPLE] == 0:
        return 0
    notional = mul_div_up(least_notional(s, rules, steps), rules[of.RAISE_MULTIPLE], ONE)
    by_notional = mul_div_up(notional, steps[s, PRICE_ONE], price)
    by_quantity = mul_div_up(steps[s, LEAST_QUANTITY], rules[of.RAISE_MULTIPLE], ONE)
    return step_up(max(by_notional, by_quantity), lot)


@inlined
def no_slot(positions: int, rules: Any) -> bool:
    """Tell whether another position would be one too many; `positions` counts held and ordered ones."""
    return rules[of.MAX_POSITIONS] > 0 and positions >= rules[of.MAX_POSITIONS]


@inlined
def room_under(rate: int, worth: int, exposed: int) -> int:
    """Return how much more may be bought where `rate` of `worth` may be exposed and `exposed` is; NO_LIMIT when off."""
    if rate == 0:
        return NO_LIMIT
    return mul_div(max(worth, 0), rate, ONE) - exposed


@inlined
def reserve_of(worth: int, rules: Any) -> int:
    """Return the cash of a wallet worth `worth` that buys must leave untouched, rounded up."""
    if rules[of.RESERVE_RATE] == 0 or worth <= 0:
        return 0
    return mul_div_up(worth, rules[of.RESERVE_RATE], ONE)


@inlined
def too_uncertain(confidence: int, rules: Any) -> bool:
    """Tell whether a buy lacks confidence: it must be above the limit, not at it (R1.1)."""
    return rules[of.MIN_CONFIDENCE] > 0 and confidence <= rules[of.MIN_CONFIDENCE]


@inlined
def too_stale(age_ms: int, rules: Any) -> bool:
    """Tell whether the bars a decision rests on have a hole: the bar before this one is longer ago than allowed."""
    return rules[of.MAX_GAP_BARS] > 0 and age_ms > rules[of.MAX_GAP_BARS] * rules[of.BAR_MS]


@inlined
def too_correlated(correlation: int, rules: Any) -> bool:
    """Tell whether a symbol moves too much like one that is held; both in 1e-8."""
    return rules[of.MAX_CORRELATION] > 0 and correlation > rules[of.MAX_CORRELATION]


@inlined
def beyond(number: int, limit: int) -> bool:
    """Tell whether a measured loss passes what is allowed; at the limit is still allowed."""
    return number > limit
