"""How much to hold: from a target level to whole lots."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div, step_down
from trader_cli.risk import columns as of
from trader_cli.risk.kelly import kelly_rate
from trader_cli.risk.rules import SHARE_NONE, SIZE_KELLY, SIZE_NOTIONAL, SIZE_QUANTITY, SIZE_RISK, SIZE_VOLATILITY


@inlined
def weight_of(target: float) -> int:
    """Return a target level in 1e-8, so that no float decides later; below zero is flat (spot venues cannot be short)."""
    if target <= 0.0:
        return 0
    return int(target * 1e8 + 0.5)


@inlined
def rate_of(value: float) -> int:
    """Return a share or ratio >= 0 in 1e-8, rounded to the nearest; NaN and what is below zero is 0."""
    if not value > 0.0:
        return 0
    return int(min(value, 4e10) * 1e8 + 0.5)


@inlined
def risked_notional(worth: int, most: int, price: int, distance: int, rules: Any) -> int:
    """Return the notional, at most `most`, at which a fall of `distance` (price units) costs risk_rate of `worth`.

    Fixed fractional risk: notional = worth * risk / (distance / price), 1e-8 quote; 0 where the distance is not known.
    Source: Van Tharp (1998), "Trade Your Way to Financial Freedom", percent risk model.
    """
    if distance <= 0:
        return 0
    risked = mul_div(worth, rules[of.RISK_RATE], ONE)
    if mul_div(most, distance, price) <= risked:
        return most
    return mul_div(risked, price, distance)


@inlined
def volatility_notional(worth: int, most: int, volatility: int, rules: Any) -> int:
    """Return the notional, at most `most`, that brings volatility_rate a year to `worth`.

    volatility: realised, 1e-8 a year; 0 = unknown, for which nothing is held.
    Source: Moreira and Muir (2017), "Volatility-Managed Portfolios", Journal of Finance 72(4).
    """
    if volatility <= 0:
        return 0
    wanted = mul_div(worth, rules[of.VOLATILITY_RATE], ONE)
    if mul_div(most, volatility, ONE) <= wanted:
        return most
    return mul_div(wanted, ONE, volatility)


@inlined
def full_notional(
    worth: int, price: int, distance: int, volatility: int, wins: int, losses: int, won: int, lost: int, rules: Any
) -> int:
    """Return the notional of a level of 1 before allocation, 1e-8 quote, by the method of the rules.

    worth: the wallet's equity, 1e-8 quote. distance: what the price may fall before the position is given up, price
    units. wins, losses, won, lost: closed round trips of the wallet and the sums of their results, 1e-8 of the cost.
    """
    method = rules[of.SIZE_METHOD]
    if method == SIZE_NOTIONAL:
        return int(rules[of.SIZE_NOTIONAL])
    most = mul_div(max(worth, 0), rules[of.SIZE_RATE], ONE)
    if method == SIZE_RISK:
        return risked_notional(max(worth, 0), most, price, distance, rules)
    if method == SIZE_VOLATILITY:
        return volatility_notional(max(worth, 0), most, volatility, rules)
    if method == SIZE_KELLY and wins + losses >= rules[of.KELLY_TRADES]:
        rate = kelly_rate(wins, losses, won, lost, rules[of.KELLY_SHARE], rules[of.KELLY_CAP])
        return min(most, mul_div(max(worth, 0), rate, ONE))
    return most


@inlined
def quantity_for(weight: int, notional: int, share: int, price: int, one: int, lot: int, rules: Any) -> int:
    """Return the holding that `weight` (1e-8) asks for, in 1e-8 base, floored to the lot.

    notional: of a level of 1. share: the symbol's part of it, 1e-8. price: price units, the decision bar's close.
    """
    if rules[of.SIZE_METHOD] == SIZE_QUANTITY:
        return step_down(mul_div(rules[of.SIZE_QUANTITY], weight, ONE), lot)
    if rules[of.SHARE_METHOD] != SHARE_NONE:
        notional = mul_div(notional, share, ONE)
    return step_down(mul_div(mul_div(notional, weight, ONE), one, price), lot)


@inlined
def within_dead_band(wanted: int, held: int, rules: Any) -> bool:
    """Tell whether the difference is too small to trade, as a share of what is held."""
    return abs(wanted - held) <= mul_div(held, rules[of.DEAD_BAND_RATE], ONE)
