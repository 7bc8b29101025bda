"""Orders as a venue knows them: what is asked, what became of it, and what it did. Amounts of ours are whole units."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

CLIENT_PREFIX = "7adec0de"
"""How every client id of ours begins: an order at the venue that carries it and that the ledger does not know is ours all
the same, and tells of a ledger that was put back from an old copy."""


class OrderState(StrEnum):
    """How far we know an order's fate. The first two are open questions, the last four never change again."""

    SENDING = "sending"
    UNKNOWN = "unknown"
    OPEN = "open"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    ABSENT = "absent"

    @property
    def is_unresolved(self) -> bool:
        """Tell whether the venue may have this order without our knowing."""
        return self in (OrderState.SENDING, OrderState.UNKNOWN)

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more can happen to the order. A cancelled one may have filled in part."""
        return self in (OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.ABSENT)


class Purpose(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    EXIT = "exit"
    STOP = "stop"
    TARGET = "target"


class TicketKind(StrEnum):
    """How a ticket asks to be filled. IOC is a limit whose rest is cancelled at once; STOP sells at market once triggered."""

    MARKET = "market"
    LIMIT = "limit"
    IOC = "ioc"
    STOP = "stop"


@dataclass(frozen=True)
class Ticket:
    """One order as it is asked from a venue: committed to the ledger before its one request leaves.

    key: what was decided (session, wallet, symbol, bar, purpose, number), unique for ever. client_id: `client_id_of(key)`.
    side: +1 buy, -1 sell. reason: model.fills.Reason. quantity: 1e-8 base, > 0. price: of a LIMIT or IOC, trigger: of a
    STOP, both in units of 10**-price_decimals quote, 0 = none. arrival: the price at the decision, same units. bar_ms: close of
    the decision's bar. created_ms, deadline_ms: ms UTC of the venue's clock; after the deadline the venue no longer takes it.
    """

    key: str
    client_id: str
    run_id: str
    wallet: str
    symbol: str
    side: int
    kind: TicketKind
    purpose: Purpose
    reason: int
    quantity: int
    price: int
    trigger: int
    price_decimals: int
    arrival: int
    bar_ms: int
    created_ms: int
    deadline_ms: int


@dataclass(frozen=True)
class VenueOrder:
    """An order as the venue states it.

    client_id: empty where it has none. status: `open`, `pending`, `closed`, `cancelled`, `expired` or `rejected`.
    price, trigger: 0 where it has none. created_ms: 0 where it is not stated.
    """

    venue_id: str
    client_id: str
    symbol: str
    side: int
    status: str
    quantity: Decimal
    filled: Decimal
    price: Decimal
    trigger: Decimal
    created_ms: int

    @property
    def is_working(self) -> bool:
        """Tell whether it can still fill."""
        return self.status in ("open", "pending")

    @property
    def is_ours(self) -> bool:
        """Tell whether a client id of ours hangs on it."""
        return self.client_id.startswith(CLIENT_PREFIX)


@dataclass(frozen=True)
class VenueTrade:
    """One trade of an order: price in quote, quantity in base, cost = what was paid or got in quote, fee in `fee_asset`."""

    trade_id: str
    venue_id: str
    symbol: str
    side: int
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    time_ms: int
    maker: bool | None


class ActivityKind(StrEnum):
    """What moved an asset of the account."""

    TRADE = "trade"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    OTHER = "other"


@dataclass(frozen=True)
class Activity:
    """One change of one asset of the account, as the venue tells it. amount: of the asset, fees included, above 0 what came in.

    reference: the venue's id of the trade or transfer; a trade changes several assets under one. client_id: of a trade's order,
    empty where it has none. text: what it was, in the venue's own words.
    """

    kind: ActivityKind
    asset: str
    amount: Decimal
    time_ms: int
    reference: str
    text: str
    client_id: str = ""

    @property
    def is_ours(self) -> bool:
        """Tell whether it is a trade of an order with a client id of ours."""
        return self.client_id.startswith(CLIENT_PREFIX)


@dataclass(frozen=True)
class Balance:
    """What the account has of one asset: all of it, and what no open order has reserved."""

    total: Decimal
    free: Decimal


@dataclass(frozen=True)
class Quote:
    """Best bid and ask, in quote; both above 0, the bid below the ask."""

    bid: Decimal
    ask: Decimal
    time_ms: int


class Resolution(StrEnum):
    """What an answer of the venue asks us to do (R1.9)."""

    RETRY = "retry"
    WAIT = "wait"
    RESYNC = "resync"
    SKIP_SYMBOL = "skip_symbol"
    SKIP_CYCLE = "skip_cycle"
    HALT_WALLET = "halt_wallet"
    HALT_ALL = "halt_all"
    LOOK_UP = "look_up"


@dataclass(frozen=True)
class Answer:
    """What came back from one placement: OPEN with a venue_id, REJECTED for good, or UNKNOWN. Nothing else.

    venue_id: empty unless OPEN; of a pair the stop's and the target's, with a comma. pattern: name of the row of the error
    table that matched, empty for an acceptance.
    retry_ms: ms UTC before which the venue takes nothing more, 0 = none. minimum: what the refusal taught about the
    smallest order, quote; 0 = nothing.
    """

    state: OrderState
    venue_id: str = ""
    message: str = ""
    pattern: str = ""
    resolution: Resolution = Resolution.LOOK_UP
    retry_ms: int = 0
    minimum: Decimal = Decimal(0)


class Cancelled(StrEnum):
    """What came back from a cancellation. GONE: the venue knows no such open order; it filled or ended, ask which."""

    DONE = "done"
    GONE = "gone"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class MarketRules:
    """What a venue allows on one market. Decimals in quote or base; 0 = no such rule.

    open: orders are taken at all. cancel_only, post_only: what the venue's mode leaves; reduce_only: sales of what is held are
    taken all the same. pairs: a stop and a target can rest on
    one holding together. orders_most: open orders the venue allows on this market.
    """

    symbol: str
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    open: bool = True
    cancel_only: bool = False
    post_only: bool = False
    pairs: bool = False
    orders_most: int = 0
    reduce_only: bool = False


def client_id_of(key: str) -> str:
    """Return the client id of a decision: a UUID (the form both venues take) made from the key, with our prefix.

    The same decision has the same id on every machine and after every restore, so that it can always be found again.
    """
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{CLIENT_PREFIX}-{digest[0:4]}-4{digest[4:7]}-a{digest[7:10]}-{digest[10:22]}"
