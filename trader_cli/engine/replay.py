"""The loop over bars: fill, then decide, for as many bars as there are. Paper and live call it for one bar."""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import kernel
from trader_cli.engine.decide import decide
from trader_cli.engine.fill import fill, is_busy
from trader_cli.engine.state import FILLS, LOG_COLUMNS, Book, Log, Market
from trader_cli.model.bars import Ints
from trader_cli.risk.rules import Rules


@kernel
def replay(first: int, last: int, market: Any, book: Any, log: Any, rules: Any, steps: Any) -> int:
    """Step the book through bars [first, last); return the bar reached, which is `last` unless the log is full."""
    # In one bar a symbol can be sold at the open, bought, and stopped.
    most = 3 * book.position.shape[0]
    capacity = log.fills.shape[0]
    for bar in range(first, last):
        if is_busy(book, market, rules):
            if book.account[FILLS] + most > capacity:
                return bar
            fill(bar, market, book, log, rules, steps)
        decide(bar, market, book, log, rules, steps)
    return last


def run_bars(market: Market, book: Book, log: Log, rules: Rules, steps: Ints, first: int, last: int) -> Log:
    """Run `replay` to the end, giving the log more room whenever it is full; return the log with all fills."""
    # Compiled code does not check indices: outside the arrays it would write into somebody else's memory.
    bars, symbols = market.prices.shape[1:]
    assert 0 <= first <= last <= bars <= len(log.equity)  # noqa: S101 only a bug breaks it
    assert market.signals.shape[1:] == (bars, symbols)  # noqa: S101
    assert len(book.position) == len(steps) == len(log.refused) == symbols  # noqa: S101
    while True:
        first = replay(first, last, market, book, log, rules, steps)
        if first == last:
            return log
        more = np.empty((len(log.fills), LOG_COLUMNS), np.int64)
        log = log._replace(fills=np.concatenate((log.fills, more)))
