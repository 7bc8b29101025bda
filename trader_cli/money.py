"""Exact integer money: the one place where a price, a quantity or a fee is rounded.

Quantities are in 1e-8 base, cash in 1e-8 quote, prices in 10**-price_decimals quote (`one` price units to the quote),
rates (fee, slippage, stop) in 1e-8. The same functions serve the compiled loop, the interpreter and the venues.
Arguments are brought to Python's int first: a no-op when compiled, and no overflow when interpreted.
"""

from __future__ import annotations

import numpy as np

from trader_cli.compiler import inlined, inlined_as

ONE = 100_000_000
"""One whole in rates, quantities and cash."""


def _wrapped_rest(a: int, b: int, quotient: int, c: int) -> int:
    # Unsigned, because compiled signed products are assumed not to wrap. These two may; their difference is exact.
    return np.int64(  # type: ignore[return-value]
        np.uint64(a) * np.uint64(b) - np.uint64(quotient) * np.uint64(c)
    )


@inlined_as(_wrapped_rest)
def _rest(a: int, b: int, quotient: int, c: int) -> int:
    return int(a) * int(b) - int(quotient) * int(c)


@inlined
def mul_div(a: int, b: int, c: int) -> int:
    """Return floor(a * b / c) exactly, though a * b may need 128 bits.

    The quotient is estimated in float64; the remainder a*b - q*c is small, so that it comes out right even where both
    products wrap around 64 bits, and it corrects the estimate. Needs a, b >= 0, c > 0, a * b < 2**110, result < 2**62.
    """
    quotient = int(float(a) * float(b) / float(c))
    rest = _rest(a, b, quotient, c)
    if rest < 0 or rest >= c:
        quotient += rest // c
    return quotient


@inlined
def mul_div_up(a: int, b: int, c: int) -> int:
    """Return ceil(a * b / c) exactly; bounds as for `mul_div`."""
    quotient = mul_div(a, b, c)
    if _rest(a, b, quotient, c) != 0:
        quotient += 1
    return quotient


@inlined
def to_units(price: float, one: int) -> int:
    """Return a price >= 0 in price units, rounded to the nearest; exact for decimal prices below 9e7."""
    return int(price * float(one) + 0.5)


@inlined
def step_down(value: int, step: int) -> int:
    """Return the largest multiple of `step` not above `value`."""
    if step == 1:
        return int(value)
    return int(value) // int(step) * int(step)


@inlined
def step_up(value: int, step: int) -> int:
    """Return the smallest multiple of `step` not below `value`."""
    if step == 1:
        return int(value)
    return (int(value) + int(step) - 1) // int(step) * int(step)


@inlined
def buy_price(price: int, slip: int, tick: int) -> int:
    """Return what a taker pays when the market is at `price`: slippage added, up to the tick."""
    return step_up(mul_div_up(price, ONE + slip, ONE), tick)


@inlined
def sell_price(price: int, slip: int, tick: int) -> int:
    """Return what a taker gets when the market is at `price`: slippage taken off, down to the tick, at least one tick."""
    return max(step_down(mul_div(price, ONE - slip, ONE), tick), int(tick))


@inlined
def cost_of(price: int, quantity: int, one: int) -> int:
    """Return the notional a buyer pays, 1e-8 quote, rounded up."""
    return mul_div_up(price, quantity, one)


@inlined
def proceeds_of(price: int, quantity: int, one: int) -> int:
    """Return the notional a seller gets, 1e-8 quote, rounded down."""
    return mul_div(price, quantity, one)


@inlined
def fee_of(notional: int, rate: int) -> int:
    """Return the fee on a notional, 1e-8 quote, rounded up."""
    return mul_div_up(notional, rate, ONE)


@inlined
def affordable(cash: int, price: int, fee_rate: int, lot: int, one: int) -> int:
    """Return the largest quantity, in whole lots, whose cost and fee `cash` can pay; 0 when there is none."""
    if cash <= 0:
        return 0
    quantity = step_down(mul_div(mul_div(cash, ONE, ONE + fee_rate), one, price), lot)
    while quantity > 0:
        cost = cost_of(price, quantity, one)
        if cost + fee_of(cost, fee_rate) <= cash:
            break
        quantity -= lot
    return quantity
