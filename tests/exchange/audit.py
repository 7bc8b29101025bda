"""The exchange checks itself: whatever a test concludes from it rests on this adding up."""

from __future__ import annotations

from decimal import Decimal

from .orders import ZERO
from .venue import Venue


def audit(venue: Venue) -> list[str]:
    """Return what does not add up, empty when all does: balances = deposits + trades - fees, exactly."""
    wrong: list[str] = []
    sums: dict[str, Decimal] = {}
    for entry in venue.account.entries:
        if entry.kind in ("deposit", "withdrawal"):
            sums[entry.asset] = sums.get(entry.asset, ZERO) + entry.amount
    for trade in venue.trades:
        base, quote = trade.symbol.split("/")
        for asset, amount in (
            (base, trade.quantity * trade.side),
            (quote, -trade.cost * trade.side),
            (trade.fee_asset, -trade.fee),
        ):
            sums[asset] = sums.get(asset, ZERO) + amount
    for asset in sorted(set(sums) | set(venue.account.totals)):
        total, expected = venue.account.total(asset), sums.get(asset, ZERO)
        if total != expected:
            wrong.append(f"{venue.name}: {asset} is {total}, deposits and trades make {expected}")
        if total < 0:
            wrong.append(f"{venue.name}: {asset} is below zero: {total}")
    if len({trade.id for trade in venue.trades}) != len(venue.trades):
        wrong.append(f"{venue.name}: two trades have one id")
    if sorted(t.id for order in venue.orders.values() for t in order.trades) != sorted(t.id for t in venue.trades):
        wrong.append(f"{venue.name}: the trades of the orders are not the trades of the account")
    for order in venue.orders.values():
        if order.filled > order.quantity:
            wrong.append(f"{venue.name}: {order.id} asked {order.quantity} and filled {order.filled}")
        if (order.status == "filled") != (order.left <= 0):
            wrong.append(f"{venue.name}: {order.id} is {order.status} with {order.left} left")
        if order.is_open != any(order is one for one in venue.open_orders()):
            wrong.append(f"{venue.name}: {order.id} is {order.status} and is not listed so")
    return wrong
