"""How much to hold: from a target level to whole lots."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div, step_down
from trader_cli.risk.rules import SIZE_NOTIONAL, SIZE_QUANTITY


@inlined
def weight_of(target: float) -> int:
    """Return a target level in 1e-8, so that no float decides later; below zero is flat (spot venues cannot be short)."""
    if target <= 0.0:
        return 0
    return int(target * 1e8 + 0.5)


@inlined
def wanted_quantity(weight: int, equity: int, price: int, one: int, lot: int, rules: Any) -> int:
    """Return the holding that `weight` asks for, in 1e-8 base, floored to the lot.

    weight: 1e-8. equity: 1e-8 quote (read by the fraction method only). price: price units, the decision bar's close.
    """
    if rules.size_method == SIZE_QUANTITY:
        return step_down(mul_div(rules.size_quantity, weight, ONE), lot)
    notional = rules.size_notional
    if rules.size_method != SIZE_NOTIONAL:
        notional = mul_div(max(equity, 0), rules.size_rate, ONE)
    return step_down(mul_div(mul_div(notional, weight, ONE), one, price), lot)


@inlined
def within_dead_band(wanted: int, held: int, rules: Any) -> bool:
    """Tell whether the difference is too small to trade, as a share of what is held."""
    return abs(wanted - held) <= mul_div(held, rules.dead_band_rate, ONE)
