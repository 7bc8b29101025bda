"""Breakers: what stops new entries of a wallet or of the whole account. Amounts are 1e-8 quote."""

from __future__ import annotations

from trader_cli.compiler import inlined
from trader_cli.money import ONE, mul_div

DAY_MS = 86_400_000


@inlined
def allowed_loss(rate: int, from_worth: int) -> int:
    """Return the loss from `from_worth` at which a breaker opens."""
    return mul_div(max(from_worth, 0), rate, ONE)


@inlined
def opens(rate: int, from_worth: int, worth: int) -> bool:
    """Tell whether the fall from `from_worth` to `worth` has reached `rate`; a rate of 0 never opens."""
    return rate > 0 and from_worth > max(worth, 0) and from_worth - worth >= allowed_loss(rate, from_worth)


@inlined
def day_of(close_ms: int) -> int:
    """Return the UTC day a bar belongs to, by the last millisecond before its close: midnight ends the day before."""
    return (close_ms - 1) // DAY_MS


@inlined
def streak_after(losses: int, result: int) -> int:
    """Return the losing streak after a round trip with `result`; one that gains or breaks even ends it."""
    return losses + 1 if result < 0 else 0


@inlined
def cools_down(losses: int, streak: int) -> bool:
    """Tell whether a losing streak is long enough to pause entries; a limit of 0 never is."""
    return streak > 0 and losses >= streak
