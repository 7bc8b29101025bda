"""Kraken's counters: calls per key, and the matching engine's per pair; both decay with time."""

from __future__ import annotations

from dataclasses import dataclass, field

from .clock import Clock

TIERS = {
    "starter": (15.0, 0.33, 60.0, 1.0, 60),
    "intermediate": (20.0, 0.5, 125.0, 2.34, 80),
    "pro": (20.0, 1.0, 180.0, 3.75, 225),
}
"""Tier -> limit and decay per second of the call counter, limit and decay of the engine's, open orders per pair."""

_YOUNG = ((5, 8), (10, 6), (15, 5), (45, 4), (90, 2), (300, 1))
"""Seconds an order has lived -> what its cancellation costs."""

_AMENDED = ((5, 3), (10, 2), (15, 1))


@dataclass
class Counter:
    """A number that falls by `decay` a second."""

    clock: Clock
    decay: float
    value: float = 0.0
    at_ms: int = 0
    peak: float = 0.0

    def now(self) -> float:
        """Return its value now."""
        passed = max(0, self.clock.now_ms() - self.at_ms) / 1000
        return max(0.0, self.value - passed * self.decay)

    def add(self, amount: float) -> float:
        """Raise it and return it."""
        self.value = self.now() + amount
        self.at_ms = self.clock.now_ms()
        self.peak = max(self.peak, self.value)
        return self.value


@dataclass
class Limits:
    """The counters of one key and its address. `refused`: how many calls were turned away. public_ms: between public calls."""

    clock: Clock
    tier: str = "starter"
    refused: int = 0
    public_ms: int = 0
    by_pair: bool = False
    public_at_ms: dict[str, int] = field(default_factory=dict)
    calls: Counter = field(init=False)
    engine: dict[str, Counter] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.calls = Counter(self.clock, TIERS[self.tier][1])

    def set_tier(self, tier: str) -> None:
        """Change the tier; the counters begin anew."""
        self.tier = tier
        self.calls = Counter(self.clock, TIERS[tier][1])
        self.engine.clear()

    def call(self, cost: float) -> bool:
        """Count a private call; False where it is too much. What is refused counts all the same; trading has its own."""
        if not cost or self.calls.add(cost) <= TIERS[self.tier][0]:
            return True
        self.calls.value = min(self.calls.value, TIERS[self.tier][0] * 2)
        self.refused += 1
        return False

    def public(self, name: str = "", pair: str = "") -> bool:
        """Count a public call of our address; False where the one before is younger than `public_ms`, 0 = no limit.

        With `by_pair` OHLC and Trades are counted for each pair alone. What is refused counts all the same.
        """
        key = f"{name}:{pair}" if self.by_pair and name in ("OHLC", "Trades") else ""
        now = self.clock.now_ms()
        last = self.public_at_ms.get(key, now - self.public_ms)
        self.public_at_ms[key] = now
        if now - last >= self.public_ms:
            return True
        self.refused += 1
        return False

    def of_pair(self, symbol: str) -> Counter:
        """Return the engine's counter of a pair."""
        return self.engine.setdefault(symbol, Counter(self.clock, TIERS[self.tier][3]))

    def place(self, symbol: str) -> bool:
        """Count a new order; False where the pair's counter is full."""
        counter = self.of_pair(symbol)
        if counter.now() + 1 > TIERS[self.tier][2]:
            self.refused += 1
            return False
        counter.add(1)
        return True

    def cancel(self, symbol: str, opened_ms: int) -> None:
        """Count a cancellation; it is never refused, but a young order's costs what keeps the next order out."""
        self.of_pair(symbol).add(_price(_YOUNG, self.clock.now_ms() - opened_ms))

    def amend(self, symbol: str, opened_ms: int) -> bool:
        """Count an amendment; False where the pair's counter is full."""
        counter, cost = self.of_pair(symbol), 1 + _price(_AMENDED, self.clock.now_ms() - opened_ms)
        if counter.now() + cost > TIERS[self.tier][2]:
            self.refused += 1
            return False
        counter.add(cost)
        return True

    @property
    def open_most(self) -> int:
        """Return how many orders may be open on a pair."""
        return TIERS[self.tier][4]


def _price(steps: tuple[tuple[int, int], ...], age_ms: int) -> int:
    return next((cost for seconds, cost in steps if age_ms < seconds * 1000), 0)
