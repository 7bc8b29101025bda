"""From the log of a run to fills and round trips."""

from __future__ import annotations

import numpy as np

from trader_cli.engine.state import (
    FILLS,
    LOG_BAR,
    LOG_FEE,
    LOG_KIND,
    LOG_NOTIONAL,
    LOG_PRICE,
    LOG_QUANTITY,
    LOG_REASON,
    LOG_ROW,
    LOG_SIDE,
    Book,
    Log,
)
from trader_cli.model.bars import Ints
from trader_cli.model.fills import Fills, RoundTrips


def fills_of(symbols: tuple[str, ...], open_ms: Ints, book: Book, log: Log) -> Fills:
    """Return the log's fills as columns, in the order they happened."""
    rows = log.fills[: book.account[FILLS]]
    wallet, symbol = np.divmod(rows[:, LOG_ROW], len(symbols))
    return Fills(
        symbols=symbols,
        time_ms=open_ms[rows[:, LOG_BAR]],
        symbol=symbol,
        side=rows[:, LOG_SIDE].copy(),
        quantity=rows[:, LOG_QUANTITY].copy(),
        price=rows[:, LOG_PRICE].copy(),
        notional=rows[:, LOG_NOTIONAL].copy(),
        fee=rows[:, LOG_FEE].copy(),
        kind=rows[:, LOG_KIND].copy(),
        reason=rows[:, LOG_REASON].copy(),
        wallet=wallet,
    )


def round_trips(fills: Fills, timeframe_ms: int) -> RoundTrips:
    """Return every stretch from flat to flat, in the order they closed; what is open at the end is left out."""
    row = fills.wallet * len(fills.symbols) + fills.symbol
    order = np.argsort(row, kind="stable")
    symbol = row[order]
    signed = (fills.side * fills.quantity)[order]
    # One running sum over all rows; a position left open at a row's end would shift the next row's, so the total before
    # each row is taken off.
    running = np.cumsum(signed)
    starts = np.flatnonzero(np.r_[True, symbol[1:] != symbol[:-1]]) if len(symbol) else np.empty(0, np.int64)
    lengths = np.diff(np.r_[starts, len(symbol)])
    before = np.where(starts > 0, running[starts - 1], 0) if len(starts) else np.empty(0, np.int64)
    held = running - np.repeat(before, lengths)
    last = np.flatnonzero(held == 0)
    # A trip begins after the former one of its row, or where the row begins.
    symbol_start = np.repeat(starts, lengths)
    first = np.maximum(np.r_[0, last[:-1] + 1], symbol_start[last]) if len(last) else last
    trips = _sums(fills, order, first, last, timeframe_ms)
    closing = np.argsort(order[last], kind="stable")
    return RoundTrips(fills.symbols, *(column[closing] for column in trips))


def _sums(fills: Fills, order: Ints, first: Ints, last: Ints, timeframe_ms: int) -> tuple[Ints, ...]:
    def total(column: Ints, side: int) -> Ints:
        counted = np.where(fills.side == side, column, 0)[order]
        summed = np.r_[0, np.cumsum(counted)]
        return summed[last + 1] - summed[first]

    entry_ms = fills.time_ms[order[first]]
    exit_ms = fills.time_ms[order[last]]
    bought = total(fills.notional, 1)
    sold = total(fills.notional, -1)
    fees = total(fills.fee, 1) + total(fills.fee, -1)
    return (
        fills.symbol[order[last]],
        entry_ms,
        exit_ms,
        total(fills.quantity, 1),
        bought,
        sold,
        fees,
        sold - bought - fees,
        fills.reason[order[last]],
        (exit_ms - entry_ms) // timeframe_ms,
        order[last],
        fills.wallet[order[last]],
    )
