"""What reads show of orders and trades: the truth, or what a lagging read shows of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from .orders import ZERO, Order, Trade
from .venue import Venue


@dataclass(frozen=True)
class Shown:
    """An order as a read shows it now; trades: those that the order's own numbers count."""

    order: Order
    status: str
    trades: list[Trade]

    @property
    def filled(self) -> Decimal:
        """Return what the order says was filled."""
        return sum((trade.quantity for trade in self.trades), ZERO)

    @property
    def cost(self) -> Decimal:
        """Return what the order says was paid."""
        return sum((trade.cost for trade in self.trades), ZERO)

    @property
    def fee(self) -> Decimal:
        """Return what the order says was charged."""
        return sum((trade.fee for trade in self.trades), ZERO)

    @property
    def average(self) -> Decimal:
        """Return the mean price of what was filled."""
        return self.cost / self.filled if self.filled else ZERO


def shown(venue: Venue, order: Order) -> Shown:
    """Return an order as reads show it: with `order_lag_ms` its fills come late."""
    horizon = venue.clock.now_ms() - venue.order_lag_ms
    trades = [trade for trade in order.trades if trade.time_ms <= horizon or not venue.order_lag_ms]
    late = order.status == "filled" and len(trades) < len(order.trades)
    return Shown(order, "open" if late else order.status, trades)


def find(venue: Venue, wanted: Callable[[Order], bool]) -> list[Shown]:
    """Return the orders that reads can see and that are wanted, oldest first."""
    now = venue.clock.now_ms()
    return [shown(venue, order) for order in venue.orders.values() if order.visible_ms <= now and wanted(order)]


def trades(venue: Venue, wanted: Callable[[Trade], bool]) -> list[Trade]:
    """Return the trades that reads can see and that are wanted, oldest first."""
    now = venue.clock.now_ms()
    return [trade for trade in venue.trades if trade.visible_ms <= now and wanted(trade)]
