"""The book and the market as arrays: everything the compiled path reads and writes.

The book is all that survives from one bar to the next; a run that stops after any bar and continues from a copy of it
ends in the same fills (law 2).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trader_cli.model.bars import Floats, Ints

# Columns of `Book.account`, int64.
CASH = 0  # 1e-8 quote
ORDERS = 1  # working orders
POSITIONS = 2  # symbols held
FILLS = 3  # rows used in the log
HELD_BARS = 4  # bars that closed with a holding
ACCOUNT_COLUMNS = 5

# Columns of `Book.position`, int64, one row a symbol. Prices in price units, 0 = none.
QUANTITY = 0  # held, 1e-8 base
STOP = 1  # by rule, from the entry price
STOP_OWN = 2  # the strategy's own
TARGET = 3
TARGET_OWN = 4
TRAIL_HIGH = 5  # highest price since entry, known before this bar
WEIGHT = 6  # target level the holding was sized for, 1e-8
TRIPPED = 7  # 1 = closed by a rule: stay out until the strategy itself lets go
ORDER_SIDE = 8  # +1 buy, -1 sell, 0 no order
ORDER_KIND = 9
ORDER_QUANTITY = 10
ORDER_PRICE = 11  # limit or trigger
ORDER_WEIGHT = 12
ORDER_STOP = 13
ORDER_TARGET = 14
ORDER_REASON = 15
INSIDE = 16  # market price at which a resting entry filled inside this bar, 0 = at the open or in an earlier bar
CANDIDATE = 17  # scratch of one decision: row i holds the i-th symbol to size
POSITION_COLUMNS = 18

# Columns of the fill log, int64, one row a fill.
LOG_BAR = 0
LOG_SYMBOL = 1
LOG_SIDE = 2
LOG_QUANTITY = 3
LOG_PRICE = 4
LOG_NOTIONAL = 5
LOG_FEE = 6
LOG_KIND = 7
LOG_REASON = 8
LOG_COLUMNS = 9

# Planes of `Market.prices`, float64 (4, T, S).
OPEN = 0
HIGH = 1
LOW = 2
CLOSE = 3
PRICE_PLANES = 4

# Planes of `Market.signals`, float64 (1, T, S), or (5, T, S) where a strategy states levels of its own.
LEVEL = 0  # the wanted level, NaN = no opinion
OWN_STOP = 1
OWN_TAKE = 2
OWN_LIMIT = 3
OWN_TRIGGER = 4
SIGNAL_PLANES = 5

# Columns of the refusal table, int64 (S, refusals, 2).
REFUSED_COUNT = 0
REFUSED_FIRST_BAR = 1
REFUSALS = 4


class Market(NamedTuple):
    """Bars and signals on one time grid, time-major.

    prices: float64 (PRICE_PLANES, T, S). Where a symbol has no bar, open, high and low are NaN and close repeats the
    last one (NaN before the first bar).
    signals: float64 (1 or SIGNAL_PLANES, T, S); NaN = no opinion, no level; all NaN where there is no bar.
    """

    prices: Floats
    signals: Floats


class Book(NamedTuple):
    """account: int64 (ACCOUNT_COLUMNS,). position: int64 (S, POSITION_COLUMNS)."""

    account: Ints
    position: Ints


class Log(NamedTuple):
    """What a run leaves.

    fills: int64 (capacity, LOG_COLUMNS). refused: int64 (S, REFUSALS, 2). equity: float64 (T,), quote, at each close.
    """

    fills: Ints
    refused: Ints
    equity: Floats


def new_book(symbols: int, cash: int) -> Book:
    """Return an empty book with `cash` (1e-8 quote)."""
    account = np.zeros(ACCOUNT_COLUMNS, np.int64)
    account[CASH] = cash
    return Book(account, np.zeros((symbols, POSITION_COLUMNS), np.int64))


def new_log(symbols: int, bars: int, capacity: int) -> Log:
    """Return an empty log for `bars` bars and `capacity` fills (it grows when that is too few)."""
    fills = np.empty((capacity, LOG_COLUMNS), np.int64)
    return Log(fills, np.zeros((symbols, REFUSALS, 2), np.int64), np.empty(bars))
