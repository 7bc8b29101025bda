"""Bars in which nothing can happen: they are passed over without deciding, since the decision is known.

A decision reads the book, the wishes and, where rules look at them, prices. Where no order came of it and no row was to be
sized, it left the book as it was; the same wishes then bring the same decision, and no rule that looks at prices is on.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import called, part
from trader_cli.engine.state import HELD_BARS, LEVEL, ORDERS, POSITIONS
from trader_cli.engine.value import write_equity

_STRIDE = 16


@part
def is_quiet(bar: int, end: int, candidates: int, market: Any, book: Any, switches: Any) -> bool:
    """Tell whether the decision just made would be the same at the next bar. candidates: rows it sized."""
    if candidates > 0 or book.account[ORDERS] > 0 or switches.watching or switches.legs:
        return False
    if book.account[POSITIONS] > 0 and (switches.protected or switches.guarded):
        return False
    same = bar + 1 < end
    s = 0
    while same and s < book.position.shape[0]:
        same = is_same(market.signals[LEVEL, bar, s], market.signals[LEVEL, bar + 1, s])
        s += 1
    return same


@part
def is_same(wished: float, wishes: float) -> bool:
    """Tell whether two wishes are one. NaN is a wish too: to keep what is held."""
    return bool(wished == wishes or (np.isnan(wished) and np.isnan(wishes)))


@called
def pass_over(bar: int, end: int, market: Any, book: Any, log: Any) -> int:
    """Write the equity of the bars after `bar` in which everybody wishes what they wished then; return the first in
    which somebody does not, `end` where there is none before.
    """
    levels = market.signals
    rows = book.position.shape[0]
    until = end
    for s in range(rows):
        wished = levels[LEVEL, bar, s]
        now = bar + 1
        same = True
        while same and now + _STRIDE <= until:
            # Several at a time: the way out of the loop is looked for once.
            for ahead in range(_STRIDE):
                same = same and is_same(wished, levels[LEVEL, now + ahead, s])
            if same:
                now += _STRIDE
        while now < until and is_same(wished, levels[LEVEL, now, s]):
            now += 1
        until = now
    write_equity(bar + 1, until, market, book, log)
    if book.account[POSITIONS] > 0:
        book.account[HELD_BARS] += until - 1 - bar
    return until
