"""From the log of a run to fills and round trips."""

from __future__ import annotations

import numpy as np

from trader_cli.compiler import brief
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
    # One block for all columns, written in one pass: a search does this a thousand times a second, in several threads.
    columns = np.empty((_FILL_COLUMNS, len(rows)), np.int64)
    _lay_fills(rows, open_ms, len(symbols), columns)
    return Fills(symbols, *columns)


_FILL_COLUMNS = 10


@brief
def _lay_fills(rows: Ints, open_ms: Ints, symbols: int, columns: Ints) -> None:
    """Write the log's rows as the columns of `Fills`, in their order there."""
    for i in range(len(rows)):
        row = rows[i, LOG_ROW]
        columns[0, i] = open_ms[rows[i, LOG_BAR]]
        columns[1, i] = row % symbols
        columns[2, i] = rows[i, LOG_SIDE]
        columns[3, i] = rows[i, LOG_QUANTITY]
        columns[4, i] = rows[i, LOG_PRICE]
        columns[5, i] = rows[i, LOG_NOTIONAL]
        columns[6, i] = rows[i, LOG_FEE]
        columns[7, i] = rows[i, LOG_KIND]
        columns[8, i] = rows[i, LOG_REASON]
        columns[9, i] = row // symbols


def round_trips(fills: Fills, timeframe_ms: int) -> RoundTrips:
    """Return every stretch from flat to flat, in the order they closed; what is open at the end is left out."""
    symbols = len(fills.symbols)
    wallets = int(fills.wallet.max()) + 1 if len(fills) else 0
    state = np.zeros((wallets * symbols, _STATE), np.int64)
    trips = np.empty((len(fills), _COLUMNS), np.int64)
    count = _follow(
        fills.wallet, fills.symbol, fills.side, fills.quantity, fills.notional, fills.fee, symbols, state, trips
    )
    columns = np.empty((_TRIP_COLUMNS, count), np.int64)
    _lay_trips(trips, fills.time_ms, fills.symbol, fills.reason, fills.wallet, timeframe_ms, columns)
    return RoundTrips(fills.symbols, *columns)


# Columns of a trip, and of what is kept of the one under way in a row of the book; there the last is what is held.
_FIRST, _LAST, _QUANTITY, _BOUGHT, _SOLD, _FEES = range(6)
_COLUMNS = 6
_HELD = 6
_STATE = 7
_TRIP_COLUMNS = 12


@brief
def _follow(
    wallet: Ints,
    symbol: Ints,
    side: Ints,
    quantity: Ints,
    notional: Ints,
    fee: Ints,
    symbols: int,
    state: Ints,
    trips: Ints,
) -> int:
    count = 0
    for i in range(len(side)):
        r = wallet[i] * symbols + symbol[i]
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


@brief
def _lay_trips(
    trips: Ints, time_ms: Ints, symbol: Ints, reason: Ints, wallet: Ints, timeframe_ms: int, columns: Ints
) -> None:
    """Write the trips as the columns of `RoundTrips`, in their order there."""
    for i in range(columns.shape[1]):
        first, last = trips[i, _FIRST], trips[i, _LAST]
        columns[0, i] = symbol[last]
        columns[1, i] = time_ms[first]
        columns[2, i] = time_ms[last]
        columns[3, i] = trips[i, _QUANTITY]
        columns[4, i] = trips[i, _BOUGHT]
        columns[5, i] = trips[i, _SOLD]
        columns[6, i] = trips[i, _FEES]
        columns[7, i] = trips[i, _SOLD] - trips[i, _BOUGHT] - trips[i, _FEES]
        columns[8, i] = reason[last]
        columns[9, i] = (time_ms[last] - time_ms[first]) // timeframe_ms
        columns[10, i] = last
        columns[11, i] = wallet[last]
