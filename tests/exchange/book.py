"""The order book of one market: a middle, levels on both sides that orders use up, and the last traded price."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_DOWN, ROUND_UP, Decimal

Levels = list[tuple[Decimal, Decimal]]

_LEVELS = 10
_DEPTH = Decimal(1_000_000)
"""Quote that stands on each level unless a test says otherwise."""


class Book:
    """Bids (best first) and asks (best first) of others; what is taken is gone until the price is set again."""

    def __init__(self, mid: Decimal, tick: Decimal, lot: Decimal) -> None:
        self.tick = tick
        self.lot = lot
        self.spread_ticks = 2
        self.depth: list[Decimal] | None = None
        self.last = mid
        self.mid = mid
        self.bids: Levels = []
        self.asks: Levels = []
        self.move(mid)

    def move(self, mid: Decimal) -> None:
        """Put the middle (and the last price) somewhere and fill the levels anew."""
        self.mid = self.last = mid
        half = self.tick * self.spread_ticks / 2
        bid = ((mid - half) / self.tick).to_integral_value(ROUND_DOWN) * self.tick
        ask = ((mid + half) / self.tick).to_integral_value(ROUND_UP) * self.tick
        quantities = self.depth
        if quantities is None:
            plenty = max(self.lot, (_DEPTH / mid / self.lot).to_integral_value(ROUND_DOWN) * self.lot)
            quantities = [plenty] * _LEVELS
        self.bids = [(bid - self.tick * n, q) for n, q in enumerate(quantities) if bid - self.tick * n > 0]
        self.asks = [(ask + self.tick * n, q) for n, q in enumerate(quantities)]

    def lay(self, bids: Iterable[Sequence[object]], asks: Iterable[Sequence[object]]) -> None:
        """State the levels outright: empty, crossed or one-sided where a test wants that."""
        self.bids = [(Decimal(str(price)), Decimal(str(quantity))) for price, quantity in bids]
        self.asks = [(Decimal(str(price)), Decimal(str(quantity))) for price, quantity in asks]
        if self.bids and self.asks:
            self.mid = (self.bids[0][0] + self.asks[0][0]) / 2

    def opposite(self, side: int) -> Levels:
        """Return the levels an order of this side takes from."""
        return self.asks if side > 0 else self.bids

    def crosses(self, side: int, price: Decimal) -> bool:
        """Tell whether a limit of this side and price would trade at once."""
        levels = self.opposite(side)
        return bool(levels) and (levels[0][0] - price) * side <= 0

    def preview(self, side: int, quantity: Decimal, limit: Decimal) -> Levels:
        """Return what an order would take: (price, quantity) by level. limit: 0 = any price."""
        taken: Levels = []
        for price, there in self.opposite(side):
            if quantity <= 0 or (limit and (price - limit) * side > 0):
                break
            part = min(quantity, there)
            if part > 0:
                taken.append((price, part))
                quantity -= part
        return taken

    def use(self, side: int, taken: Levels) -> None:
        """Take those quantities off the levels."""
        levels = self.opposite(side)
        for price, part in taken:
            for index, (at, there) in enumerate(levels):
                if at == price:
                    levels[index] = (at, there - part)
                    break
        levels[:] = [(price, there) for price, there in levels if there > 0]
        if taken:
            self.last = taken[-1][0]
