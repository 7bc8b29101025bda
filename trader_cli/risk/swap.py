"""Reallocation (R1.3): whether a new signal is worth selling the weakest position for."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div
from trader_cli.risk import columns as of


@inlined
def expected_gain(confidence: int, atr: int, price: int, rules: Any) -> int:
    """Return what a signal promises, 1e-8 of its notional: confidence times swap_multiple average true ranges.

    The move a strategy can hope for is measured in the range its market has; confidence says how much of it. 0 where
    either is not known.
    """
    if price <= 0:
        return 0
    return mul_div(mul_div(atr, rules[of.SWAP_MULTIPLE], ONE), confidence, price)


@inlined
def worth_swapping(gain: int, weakest: int, rules: Any) -> bool:
    """Tell whether a gain over the weakest position's pays for both trades, the sale and the purchase; all 1e-8."""
    return gain - weakest > 2 * (rules[of.TAKER_RATE] + rules[of.SLIP_RATE])
