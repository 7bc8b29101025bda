"""A slow, obvious backtest in Decimal, written from the fill rules alone: no code is shared with the engine.

One symbol, market orders, a stop and a target by percentage, quantity sizing. It knows nothing of arrays or units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal


@dataclass(frozen=True)
class Trade:
    """One round trip."""

    entry_bar: int
    entry_price: Decimal
    exit_bar: int
    exit_price: Decimal
    pnl: Decimal
    reason: str


def up(value: Decimal, step: Decimal) -> Decimal:
    """Round up to a multiple of step."""
    return (value / step).to_integral_value(ROUND_CEILING) * step


def down(value: Decimal, step: Decimal) -> Decimal:
    """Round down to a multiple of step."""
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def replay(
    rows: list[tuple[Decimal, Decimal, Decimal, Decimal]],
    targets: list[float],
    cash: Decimal,
    quantity: Decimal,
    tick: Decimal,
    fee: Decimal,
    slip: Decimal,
    stop_pct: Decimal,
    target_pct: Decimal,
) -> tuple[list[Trade], Decimal]:
    """Return (closed trades, final equity)."""
    cent = Decimal("0.00000001")
    trades: list[Trade] = []
    held = Decimal(0)
    entry = (0, Decimal(0), Decimal(0))
    wish = ""
    barred = False

    def close(bar: int, price: Decimal, reason: str) -> None:
        nonlocal cash, held
        value = down(price * held, cent)
        paid = up(value * fee, cent)
        cash += value - paid
        trades.append(Trade(entry[0], entry[1], bar, price, value - paid - entry[2], reason))
        held = Decimal(0)

    for bar, (start, high, low, last) in enumerate(rows):
        if wish == "sell" and held:
            close(bar, down(start * (1 - slip), tick), "strategy")
        if wish == "buy" and not held:
            price = up(start * (1 + slip), tick)
            value = up(price * quantity, cent)
            cost = value + up(value * fee, cent)
            assert cost <= cash, "the reference knows no lack of cash"
            cash -= cost
            held = quantity
            entry = (bar, price, cost)
        if held:
            stop = down(entry[1] * (1 - stop_pct / 100), tick) if stop_pct else Decimal(0)
            goal = up(entry[1] * (1 + target_pct / 100), tick) if target_pct else Decimal("Infinity")
            if start <= stop:
                close(bar, down(start * (1 - slip), tick), "stop")
                barred = True
            elif start >= goal:
                close(bar, max(down(start, tick), goal), "target")
                barred = True
            elif low <= stop:
                close(bar, down(stop * (1 - slip), tick), "stop")
                barred = True
            elif high >= goal:
                close(bar, goal, "target")
                barred = True
        target = targets[bar]
        wish = ""
        if not math.isnan(target):
            if target <= 0:
                barred = False
                wish = "sell" if held else ""
            elif not held and not barred:
                wish = "buy"
        equity = cash + held * last
    return trades, equity
