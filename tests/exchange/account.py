"""What an account has: every change is an entry, so that the sum can be shown to be right."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from .orders import ZERO, Trade


@dataclass(frozen=True)
class Entry:
    """One change of one asset. kind: deposit, withdrawal, trade or fee; reference: of a trade its id."""

    time_ms: int
    kind: str
    asset: str
    amount: Decimal
    reference: str


class Account:
    """Totals by asset and the entries that led to them."""

    def __init__(self) -> None:
        self.totals: dict[str, Decimal] = {}
        self.entries: list[Entry] = []

    def change(self, time_ms: int, kind: str, asset: str, amount: Decimal, reference: str = "") -> None:
        """Write one entry."""
        if amount or kind == "deposit":
            self.entries.append(Entry(time_ms, kind, asset, amount, reference))
            self.totals[asset] = self.totals.get(asset, ZERO) + amount

    def total(self, asset: str) -> Decimal:
        """Return all of an asset."""
        return self.totals.get(asset, ZERO)

    def book(self, trade: Trade) -> None:
        """Exchange base for quote and take the fee."""
        base, quote = trade.symbol.split("/")
        self.change(trade.time_ms, "trade", base, trade.quantity * trade.side, trade.id)
        self.change(trade.time_ms, "trade", quote, -trade.cost * trade.side, trade.id)
        self.change(trade.time_ms, "fee", trade.fee_asset, -trade.fee, trade.id)
