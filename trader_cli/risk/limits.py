"""What an order must satisfy before it is made: minimums of venue and user."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import proceeds_of
from trader_cli.risk.rules import LEAST_NOTIONAL, LEAST_QUANTITY, PRICE_ONE


@inlined
def below_minimum(s: int, quantity: int, price: int, rules: Any, steps: Any) -> bool:
    """Tell whether an order is under the instrument's smallest quantity or the larger of both smallest notionals."""
    if quantity < steps[s, LEAST_QUANTITY]:
        return True
    least = max(steps[s, LEAST_NOTIONAL], rules.min_notional)
    return least > 0 and proceeds_of(price, quantity, steps[s, PRICE_ONE]) < least


@inlined
def no_slot(positions: int, rules: Any) -> bool:
    """Tell whether another position would be one too many; `positions` counts held and ordered ones."""
    return rules.max_positions > 0 and positions >= rules.max_positions
