"""The loop over bars: fill, then decide.

A backtest does both with every bar. A cycle that missed some fills what it missed, as a venue would have, and decides on
the newest alone; where a venue fills, nothing is left to do but that.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import kernel
from trader_cli.engine.decide import decide
from trader_cli.engine.fill import fill, is_busy
from trader_cli.engine.panel import longest_window, reads_atr, reads_confidence, reads_returns
from trader_cli.engine.quiet import is_quiet, pass_over
from trader_cli.engine.state import EVENTS, FILLS, MEASURES, Book, Log, Market, new_work
from trader_cli.engine.switches import read_switches
from trader_cli.model.bars import Ints
from trader_cli.risk.rules import SHARE_PARITY, SIZE_VOLATILITY, WALLET, Rules


@kernel
def replay(
    first: int,
    filled: int,
    decided: int,
    last: int,
    market: Any,
    book: Any,
    work: Any,
    log: Any,
    rules: Any,
    steps: Any,
) -> int:
    """Step the book through bars [first, last); return the bar reached, which is `last` unless the log is full.

    Those from `filled` on meet the simulated market, those from `decided` on are decided on.
    """
    # In one bar a row can be sold at the open, bought, sold in two parts, and stopped.
    fills = 5 * book.position.shape[0]
    # And be refused when its order fills and when it is decided on, or end a losing streak.
    events = 4 * book.position.shape[0] + book.wallet.shape[0]
    switches = read_switches(market, book, work, rules)
    bar = first
    awake = first
    while 0 <= bar < last:
        # As many bars as the log has room for, so that not every bar asks.
        left = min(
            (log.fills.shape[0] - book.account[FILLS]) // fills, (log.events.shape[0] - book.account[EVENTS]) // events
        )
        if left <= 0:
            return bar
        end = min(last, bar + left)
        for now in range(bar, end):
            if now < awake:
                continue
            if now >= filled and is_busy(book, switches):
                fill(now, market, book, log, rules, steps)
            if now >= decided:
                candidates = decide(now, market, book, work, log, rules, steps, switches)
                if is_quiet(now, last, candidates, market, book, switches):
                    awake = pass_over(now, last, market, book, log)
        # Passed-over bars stay so where the log is given more room meanwhile.
        bar = max(end, awake)
    return last


def run_bars(
    market: Market, book: Book, log: Log, rules: Rules, steps: Ints, filled: int, decided: int, last: int
) -> Log:
    """Run `replay` to the end, giving the log more room whenever it is full; return the log with all fills.

    Bars [filled, last) meet the simulated market, bars [decided, last) are decided on. A backtest: both from its first bar.
    Paper: filled from the first bar nobody has stepped through, decided on from the newest. Live: nothing filled (`last`).
    The equity of a bar that was only filled is NaN: what was held at its close nobody looked at.
    """
    # Compiled code does not check indices: outside the arrays it would write into somebody else's memory.
    bars, rows = market.prices.shape[1:]
    assert 0 <= filled <= last  # noqa: S101 only a bug breaks it
    assert 0 <= decided <= last <= bars <= len(log.equity)  # noqa: S101
    assert len(market.open_ms) == bars  # noqa: S101
    assert market.signals.shape[1:] == market.measures.shape[1:] == (bars, rows)  # noqa: S101
    assert len(book.position) == len(steps) == rows  # noqa: S101
    assert len(book.wallet) == steps[:, WALLET].max() + 2  # noqa: S101
    measured = reads_atr(rules) or reads_confidence(rules) or rules.size_method == SIZE_VOLATILITY
    assert not measured or len(market.measures) == MEASURES  # noqa: S101
    assert not reads_returns(rules) or market.returns.shape == (rows, bars)  # noqa: S101
    work = new_work(steps, longest_window(rules), parity=rules.share_method == SHARE_PARITY)
    numbers = np.array(rules, np.int64)
    log.equity[filled:decided] = np.nan
    first = min(filled, decided)
    while True:
        first = replay(first, filled, decided, last, market, book, work, log, numbers, steps)
        if first == last:
            return log
        log = log._replace(fills=_grown(log.fills, 5 * rows), events=_grown(log.events, 4 * rows + len(book.wallet)))


def _grown(rows: Ints, least: int) -> Ints:
    return np.concatenate((rows, np.empty((max(len(rows), least), rows.shape[1]), np.int64)))
