"""How a wallet's means are split among the symbols it wants: equally, by equal risk, or by performance."""

from __future__ import annotations

from typing import Any

from trader_cli.compiler import called, part
from trader_cli.engine.state import LEVEL, ORDER_SIDE, QUANTITY, SHARE, TRIPPED, TRIPS, TRIPS_BOUGHT, TRIPS_RESULT
from trader_cli.money import ONE
from trader_cli.risk import columns as of
from trader_cli.risk.parity import covariance, equal_risk_weights
from trader_cli.risk.performance import performance_weights
from trader_cli.risk.rules import SHARE_EQUAL, SHARE_PARITY, WALLET


@part
def is_wanted(bar: int, s: int, market: Any, book: Any) -> bool:
    """Tell whether the row takes part: its strategy wants it, or is silent while it is held, and no rule closes it."""
    if book.position[s, ORDER_SIDE] < 0:
        return False
    target = market.signals[LEVEL, bar, s]
    held = book.position[s, QUANTITY] > 0
    if book.position[s, TRIPPED] != 0 and not held:
        return False
    return bool(target > 0.0 or (held and not target <= 0.0))


@called
def allocate(bar: int, w: int, market: Any, book: Any, work: Any, rules: Any, steps: Any) -> None:
    """Write each wanted row's share of what wallet `w` may hold, 1e-8; the shares sum to at most 1."""
    position = book.position
    count = 0
    for s in range(position.shape[0]):
        if steps[s, WALLET] == w and is_wanted(bar, s, market, book):
            work.rows[count] = s
            count += 1
    if count == 0:
        return
    if rules[of.SHARE_METHOD] == SHARE_EQUAL:
        for i in range(count):
            position[work.rows[i], SHARE] = ONE // count
    elif rules[of.SHARE_METHOD] == SHARE_PARITY:
        covariance(market.returns, bar, rules[of.SHARE_BARS], work.rows, count, work.covariance, work.spread)
        equal_risk_weights(work.covariance, count, work.weights)
        for i in range(count):
            position[work.rows[i], SHARE] = int(work.weights[i] * 1e8)
    else:
        for i in range(count):
            s = work.rows[i]
            work.bought[i] = position[s, TRIPS_BOUGHT]
            work.earned[i] = position[s, TRIPS_RESULT]
            work.trips[i] = position[s, TRIPS]
        least, floor, cap = rules[of.SHARE_TRADES], rules[of.SHARE_FLOOR], rules[of.SHARE_CAP]
        performance_weights(work.bought, work.earned, work.trips, count, least, floor, cap, work.shares)
        for i in range(count):
            position[work.rows[i], SHARE] = work.shares[i]
