"""Fills and round trips as columns of integers: what the engine writes and the ledger keeps."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from trader_cli.model.bars import Ints


class Side(IntEnum):
    """The direction of an order or fill; quantities are always positive."""

    BUY = 1
    SELL = -1


class OrderKind(IntEnum):
    """How an order asks to be filled."""

    MARKET = 0
    LIMIT = 1
    STOP = 2


class Reason(IntEnum):
    """Why an order was made. `strategy` is the strategy's own wish; the rest are rules."""

    STRATEGY = 0
    STOP = 1
    TRAIL = 2
    TARGET = 3
    REBALANCE = 4
    KILL = 5
    HIGH_RISK = 6
    BREAK_EVEN = 7
    MICRO_PROFIT = 8
    PARTIAL = 9
    TIME = 10
    SWAP = 11
    UNPROTECTED = 12

    @property
    def label(self) -> str:
        """The word used in files and reports."""
        return self.name.lower()


class Refusal(IntEnum):
    """Why a wanted order was not made or not filled."""

    BELOW_MINIMUM = 0
    ROUNDS_TO_ZERO = 1
    NO_CASH = 2
    MAX_POSITIONS = 3
    MAX_SYMBOL = 4
    MAX_WALLET = 5
    MAX_GROSS = 6
    CASH_RESERVE = 7
    CORRELATION = 8
    VAR = 9
    CVAR = 10
    DAILY_LOSS = 11
    DRAWDOWN = 12
    LOSING_STREAK = 13
    STALE_DATA = 14
    LOW_CONFIDENCE = 15
    HALTED = 16
    OTHER_LEG = 17
    LEG_COSTS = 18

    @property
    def label(self) -> str:
        """The word used in files and reports."""
        return self.name.lower()


@dataclass(frozen=True, eq=False)
class Fills:
    """Fills in the order they happened; every column has shape (n,).

    time_ms: ms UTC of the open of the bar in which it filled. symbol: index into `symbols`. side: +1 buy, -1 sell.
    quantity: > 0, 1e-8 base. price: price units of the symbol (10**-price_decimals quote). notional and fee:
    1e-8 quote, notional > 0, fee >= 0 (paid). kind: OrderKind. reason: Reason. wallet: index of the wallet that paid.
    """

    symbols: tuple[str, ...]
    time_ms: Ints
    symbol: Ints
    side: Ints
    quantity: Ints
    price: Ints
    notional: Ints
    fee: Ints
    kind: Ints
    reason: Ints
    wallet: Ints

    def __len__(self) -> int:
        return len(self.time_ms)

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all fills in order; equal digests mean equal runs.

        The symbols' names, then per fill (time_ms, symbol, side, quantity, price, fee) as six little-endian int64.
        """
        columns = np.array((self.time_ms, self.symbol, self.side, self.quantity, self.price, self.fee), "<i8")
        whole = hashlib.sha256("\n".join(self.symbols).encode() + b"\0")
        whole.update(np.ascontiguousarray(columns.T).data)
        return whole.hexdigest()


@dataclass(frozen=True, eq=False)
class RoundTrips:
    """From flat to flat, in the order they closed; every column has shape (n,).

    symbol: index into `symbols`. entry_ms, exit_ms: ms UTC of first buy and last sell. quantity: total bought,
    1e-8 base. bought, sold: notional of all buys and all sells, 1e-8 quote. fees: all fees, 1e-8 quote.
    pnl = sold - bought - fees, 1e-8 quote. reason: Reason of the last sell. bars: bars from entry to exit.
    last_fill: index of the closing fill. wallet: index of the wallet that held it.
    Average prices follow: bought / quantity and sold / quantity.
    """

    symbols: tuple[str, ...]
    symbol: Ints
    entry_ms: Ints
    exit_ms: Ints
    quantity: Ints
    bought: Ints
    sold: Ints
    fees: Ints
    pnl: Ints
    reason: Ints
    bars: Ints
    last_fill: Ints
    wallet: Ints

    def __len__(self) -> int:
        return len(self.entry_ms)
