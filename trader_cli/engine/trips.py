"""From the log of a run to fills and round trips."""

from __future__ import annotations

import numpy as np

from trader_cli.compiler import kernel
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
    rows = int(row.max()) + 1 if len(row) else 0
    trips = np.empty((len(fills), _COLUMNS), np.int64)
    state = np.zeros((rows, _STATE), np.int64)
    count = _follow(row, fills.side, fills.quantity, fills.notional, fills.fee, state, trips)
    first, last, quantity, bought, sold, fees = (column.copy() for column in trips[:count].T)
    entry_ms, exit_ms = fills.time_ms[first], fills.time_ms[last]
    return RoundTrips(
        fills.symbols,
        symbol=fills.symbol[last],
        entry_ms=entry_ms,
        exit_ms=exit_ms,
        quantity=quantity,
        bought=bought,
        sold=sold,
        fees=fees,
        pnl=sold - bought - fees,
        reason=fills.reason[last],
        bars=(exit_ms - entry_ms) // timeframe_ms,
        last_fill=last,
        wallet=fills.wallet[last],
    )


# Columns of a trip, and of what is kept of the one under way in a row of the book; there the last is what is held.
_FIRST, _LAST, _QUANTITY, _BOUGHT, _SOLD, _FEES = range(6)
_COLUMNS = 6
_HELD = 6
_STATE = 7


@kernel
def _follow(row: Ints, side: Ints, quantity: Ints, notional: Ints, fee: Ints, state: Ints, trips: Ints) -> int:
    count = 0
    for i in range(len(row)):
        r = row[i]
        if state[r, _HELD] == 0:
            for k in range(_STATE):
                state[r, k] = 0
            state[r, _FIRST] = i
        state[r, _FEES] += fee[i]
        state[r, _HELD] += side[i] * quantity[i]
        if side[i] > 0:
            state[r, _QUANTITY] += quantity[i]
            state[r, _BOUGHT] += notional[i]
        else:
            state[r, _SOLD] += notional[i]
        if state[r, _HELD] == 0:
            state[r, _LAST] = i
            for k in range(_COLUMNS):
                trips[count, k] = state[r, k]
            count += 1
    return count
