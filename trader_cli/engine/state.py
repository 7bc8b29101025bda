"""The state of a run as arrays of integers: what `fill`, `book` and `decide` read and write.

Everything a next bar needs is in `Book`; a run may stop after any bar, and one that goes on from a copy of it
ends in the same fills (law 2). A row of the book is one symbol in one wallet.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trader_cli.model.bars import Floats, Ints
from trader_cli.risk.rules import OTHER_LEG

# Columns of `Book.account`, int64.
ORDERS = 0  # working orders
POSITIONS = 1  # rows held
FILLS = 2  # rows used in the log's fills
EVENTS = 3  # rows used in the log's events
HELD_BARS = 4  # bars that closed with a holding
DAY = 5  # UTC day of the last decision, days since 1970
ACCOUNT_COLUMNS = 6

# Columns of `Book.wallet`, int64 (W + 1, WALLET_COLUMNS): one row a wallet, the last one is the whole account.
CASH = 0  # 1e-8 quote; in the last row that of all wallets
RESERVE = 1  # cash that no buy may touch, as of the last decision
WORTH = 2  # cash and holdings at the last close, as of the last decision that needed it
PEAK = 3  # highest worth
DAY_WORTH = 4  # worth at the end of the day before
TRIPPED_BY = 5  # the Refusal that keeps it from entering, 0 = none (HALTED is by hand)
TRIPPED_NUMBER = 6
TRIPPED_LIMIT = 7
CLOSING = 8  # 1 = whatever it holds is sold
LOSSES_IN_ROW = 9
COOL_UNTIL = 10  # ms UTC
WINS = 11  # closed round trips with a result above 0
LOSSES = 12
WIN_RATES = 13  # sum of the winners' results over what they cost, 1e-8
LOSS_RATES = 14
WALLET_COLUMNS = 15

# Columns of `Book.position`, int64, one row a symbol of a wallet. Prices in price units, 0 = none.
# What every bar reads stands first: one line of the processor's cache.
QUANTITY = 0  # held, 1e-8 base
ORDER_SIDE = 1  # +1 buy, -1 sell, 0 no order
TRIPPED = 2  # 1 = closed by a rule: stay out until the strategy itself lets go
WEIGHT = 3  # target level the holding was sized for, 1e-8
FLOOR = 4  # the highest stop in force: a low above it reaches none
CEILING = 5  # the lowest level above the market that sells, 0 = none
INSIDE = 6  # market price at which a resting entry filled inside this bar, 0 = at the open or in an earlier bar
ADDED = 7  # 1 = bought in this bar
STOP = 8  # by rule, from the entry price
STOP_OWN = 9  # the strategy's own
TARGET = 10
TARGET_OWN = 11
TRAIL_HIGH = 12  # highest price since entry, known before this bar
TRAIL_ATR = 13  # the ATR trailing stop, only ever raised
BREAK_EVEN = 14  # the raised stop, 0 = not raised yet
MICRO = 15  # the micro-profit's level
PARTIAL = 16  # the partial target's level, 0 = none, or reached
CAP = 17  # what a partial target left, 1e-8 base, 0 = none was reached
KEEP_OWN = 18  # level that stays at TARGET_OWN, -1 = the position ends there
ENTRY_PRICE = 19
ENTRY_MS = 20  # close of the decision's bar, ms UTC
ENTRY_ATR = 21
ORDER_KIND = 22
ORDER_QUANTITY = 23
ORDER_PRICE = 24  # limit or trigger
ORDER_WEIGHT = 25
ORDER_STOP = 26
ORDER_TARGET = 27
ORDER_KEEP = 28
ORDER_REASON = 29
ORDER_ROOM = 30  # the most it may spend, fees apart, 1e-8 quote
ORDER_RULE = 31  # the limit that left so little, or NO_CASH
ORDER_MS = 32  # close of the decision's bar, ms UTC
ORDER_ATR = 33
TRIP_BOUGHT = 34  # of the round trip under way, 1e-8 quote
TRIP_SOLD = 35
TRIP_FEES = 36
TRIPS = 37  # closed round trips, what they cost and what they brought, 1e-8 quote
TRIPS_BOUGHT = 38
TRIPS_RESULT = 39
SHARE = 40  # of what the wallet may hold, 1e-8, as of the last decision that needed it
LAST_EVENT = 41  # 1 + row in the log's events of the last refusal, 0 = none
LAST_ASKED = 42  # bar of the last refusal
DUST = 43  # what an exit could not sell, 1e-8 base: no position, it joins the row's next one
LATE = 44  # 1 + Reason of an exit that is due though the venue did not make it, 0 = none
LATE_KEEP = 45  # what stays of the holding when that exit is a part, 1e-8 base
CANDIDATE = 46  # scratch of one decision: row i holds the i-th row to size
POSITION_COLUMNS = 47


# Columns of the fill log, int64, one row a fill.
LOG_BAR = 0
LOG_ROW = 1
LOG_SIDE = 2
LOG_QUANTITY = 3
LOG_PRICE = 4
LOG_NOTIONAL = 5
LOG_FEE = 6
LOG_KIND = 7
LOG_REASON = 8
LOG_COLUMNS = 9

# Columns of the event log, int64: one row an episode of bars in which the same rule gave the same row the same answer.
EVENT_BAR = 0
EVENT_LAST_BAR = 1
EVENT_COUNT = 2
EVENT_ROW = 3  # of the book for a refusal, of the wallets for a breaker
EVENT_RULE = 4  # Refusal
EVENT_NUMBER = 5
EVENT_LIMIT = 6
EVENT_BREAKER = 7  # 1 = a breaker, 0 = a refusal
EVENT_COLUMNS = 8

# Planes of `Market.prices`, float64 (4, T, R).
OPEN = 0
HIGH = 1
LOW = 2
CLOSE = 3
PRICE_PLANES = 4

# Planes of `Market.signals`, float64 (1, T, R), or (6, T, R) where a strategy states levels of its own.
LEVEL = 0  # the wanted level, NaN = no opinion
OWN_STOP = 1
OWN_TAKE = 2
OWN_KEEP = 3
OWN_LIMIT = 4
OWN_TRIGGER = 5
SIGNAL_PLANES = 6

# Planes of `Market.measures`, float64 (3, T, R), or (0, T, R) where no rule reads them.
ATR = 0  # average true range, quote
VOLATILITY = 1  # realised volatility a year, as a fraction
CONFIDENCE = 2  # the strategy's own, 0 to 1
MEASURES = 3


class Market(NamedTuple):
    """Bars and signals on one time grid, time-major.

    prices: float64 (PRICE_PLANES, T, R). Where a symbol has no bar, open, high and low are NaN and close repeats the
    last one (NaN before the first bar).
    signals: float64 (1 or SIGNAL_PLANES, T, R); NaN = no opinion, no level; all NaN where there is no bar.
    measures: float64 (0 or MEASURES, T, R); NaN = not known.
    returns: float64 (R, T), each row's bar returns, NaN = none; (0, 0) where no rule reads them.
    open_ms: int64 (T,), ms UTC, strictly rising.
    """

    prices: Floats
    signals: Floats
    measures: Floats
    returns: Floats
    open_ms: Ints


class Book(NamedTuple):
    """account: int64 (ACCOUNT_COLUMNS,). wallet: int64 (W + 1, WALLET_COLUMNS). position: int64 (R, POSITION_COLUMNS)."""

    account: Ints
    wallet: Ints
    position: Ints


class Work(NamedTuple):
    """Room to reckon in; nothing in it outlives a decision.

    values, weights: float64 (R,). spread: float64 (2 * R,). scenarios: float64 (bars of the longest window,).
    covariance: float64 (R, R), (0, 0) without risk parity. rows, bought, earned, trips, shares, queue, exposed: int64 (R,).
    legs: int64, the rows that have another leg, in the order of the rows.
    """

    values: Floats
    weights: Floats
    spread: Floats
    scenarios: Floats
    covariance: Floats
    rows: Ints
    bought: Ints
    earned: Ints
    trips: Ints
    shares: Ints
    queue: Ints
    exposed: Ints
    legs: Ints


class Log(NamedTuple):
    """What a run leaves.

    fills: int64 (capacity, LOG_COLUMNS). events: int64 (capacity, EVENT_COLUMNS). equity: float64 (T,), quote, of the
    whole account at each close.
    """

    fills: Ints
    events: Ints
    equity: Floats


def new_book(symbols: int, cash: tuple[int, ...]) -> Book:
    """Return an empty book of one wallet for each amount in `cash` (1e-8 quote), each with every symbol."""
    wallet = np.zeros((len(cash) + 1, WALLET_COLUMNS), np.int64)
    wallet[:, CASH] = (*cash, sum(cash))
    wallet[:, WORTH] = wallet[:, CASH]
    wallet[:, PEAK] = wallet[:, WORTH]
    wallet[:, DAY_WORTH] = wallet[:, WORTH]
    account = np.zeros(ACCOUNT_COLUMNS, np.int64)
    account[DAY] = -1
    return Book(account, wallet, np.zeros((symbols * len(cash), POSITION_COLUMNS), np.int64))


def new_work(steps: Ints, window: int, *, parity: bool) -> Work:
    """Return room for decisions about the rows of `steps` with windows of up to `window` bars."""
    rows = len(steps)
    side = rows if parity else 0
    return Work(
        values=np.zeros(rows),
        weights=np.zeros(rows),
        spread=np.zeros(2 * rows),
        scenarios=np.zeros(max(window, 1)),
        covariance=np.zeros((side, side)),
        rows=np.zeros(rows, np.int64),
        bought=np.zeros(rows, np.int64),
        earned=np.zeros(rows, np.int64),
        trips=np.zeros(rows, np.int64),
        shares=np.zeros(rows, np.int64),
        queue=np.zeros(rows, np.int64),
        exposed=np.zeros(rows, np.int64),
        legs=np.flatnonzero(steps[:, OTHER_LEG] >= 0).astype(np.int64),
    )


def new_log(bars: int, capacity: int) -> Log:
    """Return an empty log for `bars` bars and `capacity` fills and events (it grows when that is too few)."""
    fills = np.empty((capacity, LOG_COLUMNS), np.int64)
    return Log(fills, np.empty((capacity, EVENT_COLUMNS), np.int64), np.empty(bars))
