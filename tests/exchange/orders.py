"""Orders and trades as the exchange keeps them, exact decimals."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

ZERO = Decimal(0)
STOPS = ("stop", "stop_limit")
TAKES = ("take", "take_limit")
LIMITS = ("limit", "stop_limit", "take_limit")


class RefusedError(Exception):
    """An order or a request that is turned down; `why` is a word the dialects translate into their own text."""

    def __init__(self, why: str, detail: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.detail = detail


@dataclass(frozen=True)
class Draft:
    """An order as it is asked.

    side: +1 buy, -1 sell. kind: market, limit, stop, stop_limit, take or take_limit. spend: quote instead of a quantity.
    foreign: not placed with a key of the client under test (by hand, by another program).
    """

    symbol: str
    side: int
    kind: str
    quantity: Decimal
    price: Decimal = ZERO
    trigger: Decimal = ZERO
    spend: Decimal = ZERO
    tif: str = "gtc"
    post: bool = False
    client_id: str = ""
    userref: int | None = None
    fee_in_base: bool = False
    foreign: bool = False


@dataclass
class Order:
    """An order and its life. status: open, filled, cancelled or expired; `list_id` joins the two legs of an OCO."""

    id: str
    draft: Draft
    opened_ms: int
    quantity: Decimal
    status: str = "open"
    reason: str = ""
    closed_ms: int = 0
    triggered: bool = False
    price: Decimal = ZERO
    list_id: int = -1
    visible_ms: int = 0
    trades: list[Trade] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Tell whether it can still fill."""
        return self.status == "open"

    @property
    def is_waiting(self) -> bool:
        """Tell whether it waits for its trigger and is not in the book."""
        return self.draft.trigger > 0 and not self.triggered

    @property
    def filled(self) -> Decimal:
        """Return what was filled."""
        return sum((trade.quantity for trade in self.trades), ZERO)

    @property
    def left(self) -> Decimal:
        """Return what is not filled."""
        return self.quantity - self.filled

    @property
    def cost(self) -> Decimal:
        """Return what was paid or got, in quote."""
        return sum((trade.cost for trade in self.trades), ZERO)

    @property
    def fee(self) -> Decimal:
        """Return the fees, whatever they were paid in."""
        return sum((trade.fee for trade in self.trades), ZERO)


@dataclass(frozen=True)
class Trade:
    """One fill: `cost` in quote, `fee` in `fee_asset`; reads show it from `visible_ms` on."""

    id: str
    number: int
    order_id: str
    symbol: str
    side: int
    quantity: Decimal
    price: Decimal
    cost: Decimal
    fee: Decimal
    fee_asset: str
    time_ms: int
    maker: bool
    visible_ms: int = 0
