"""How a venue counts our requests: counters that decay, and sums over a span. Whole numbers, millionths of a count.

A request is counted when it leaves, the venue counts it when it arrives, up to `DELAY_MS` later: requests that left apart may
arrive together. Every meter is tighter than the venue's own by what such a delay can do, so that ours is never the lower one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

ONE = 1_000_000
DELAY_MS = 2_000

Marks = list[list[int]]
"""What a meter remembers: [ms UTC, millionths] each, oldest first."""


class Meter(Protocol):
    """One limit of a venue."""

    @property
    def most(self) -> int:
        """The highest level we allow ourselves, millionths."""
        ...

    def level(self, marks: Marks, now_ms: int) -> int:
        """Return how much is used up now."""
        ...

    def wait_ms(self, marks: Marks, cost: int, most: int, now_ms: int) -> int:
        """Return how long until `cost` more stays within `most`; 0 = it does now."""
        ...

    def add(self, marks: Marks, cost: int, now_ms: int, leaves_ms: int) -> Marks:
        """Return the marks with `cost` spent by a request that is to leave at `leaves_ms`, without those that count no more."""
        ...


@dataclass(frozen=True)
class Decaying:
    """A counter that sinks steadily. limit: in counts; decay: millionths a ms; steps: counts by which it may sink at once."""

    limit: int
    decay: int
    steps: int = 1

    @property
    def most(self) -> int:
        """The limit less one sinking step (the venue's counter sinks in steps, ours evenly) and the delay's decay."""
        return max((self.limit - self.steps) * ONE - self.decay * DELAY_MS, ONE)

    def level(self, marks: Marks, now_ms: int) -> int:
        """Return the last level less what it sank since."""
        if not marks:
            return 0
        at_ms, level = marks[-1]
        return max(0, level - self.decay * max(0, now_ms - at_ms))

    def wait_ms(self, marks: Marks, cost: int, most: int, now_ms: int) -> int:
        """Return the time to sink to where `cost` fits."""
        over = self.level(marks, now_ms) + cost - max(most, cost)
        return max(0, -(-over // self.decay))

    def add(self, marks: Marks, cost: int, now_ms: int, leaves_ms: int) -> Marks:  # noqa: ARG002
        """Return the one mark that says it all. It sinks evenly, so a request counts alike before and after it left."""
        return [[now_ms, self.level(marks, now_ms) + cost]]


@dataclass(frozen=True)
class Paced:
    """One request every `every_ms`."""

    every_ms: int

    @property
    def most(self) -> int:
        """One request at a time."""
        return ONE

    def level(self, marks: Marks, now_ms: int) -> int:
        """Return one while the last request is younger than the pace."""
        return ONE if marks and now_ms - marks[-1][0] < self.every_ms else 0

    def wait_ms(self, marks: Marks, cost: int, most: int, now_ms: int) -> int:  # noqa: ARG002
        """Return what is left of the pace."""
        return max(0, marks[-1][0] + self.every_ms - now_ms) if marks else 0

    def add(self, marks: Marks, cost: int, now_ms: int, leaves_ms: int) -> Marks:  # noqa: ARG002
        """Return when the last request leaves."""
        return [[leaves_ms, cost]]


@dataclass(frozen=True)
class Spanned:
    """A sum over any `span_ms`. Wherever the venue's own span begins, it is inside one of ours, which are longer.

    grain_ms: requests this near each other are kept as one, counted as the newest of them.
    """

    limit: int
    span_ms: int
    grain_ms: int

    @property
    def most(self) -> int:
        """The limit itself: the span is what was made tighter."""
        return self.limit * ONE

    @property
    def _kept_ms(self) -> int:
        return self.span_ms + DELAY_MS

    def level(self, marks: Marks, now_ms: int) -> int:
        """Return the sum over the span that ends now."""
        return sum(cost for at_ms, cost in marks if now_ms - at_ms < self._kept_ms)

    def wait_ms(self, marks: Marks, cost: int, most: int, now_ms: int) -> int:
        """Return the time until enough has left the span."""
        over = self.level(marks, now_ms) + cost - max(most, cost)
        for at_ms, spent in marks:
            if over <= 0:
                break
            if now_ms - at_ms < self._kept_ms:
                over -= spent
                until = at_ms + self._kept_ms
                if over <= 0:
                    return max(1, until - now_ms)
        return 0

    def add(self, marks: Marks, cost: int, now_ms: int, leaves_ms: int) -> Marks:
        """Return the marks still inside the span, and this one; never before one that leaves later."""
        kept = [mark for mark in marks if now_ms - mark[0] < self._kept_ms]
        if kept and leaves_ms // self.grain_ms <= kept[-1][0] // self.grain_ms:
            return [*kept[:-1], [max(leaves_ms, kept[-1][0]), kept[-1][1] + cost]]
        return [*kept, [leaves_ms, cost]]
