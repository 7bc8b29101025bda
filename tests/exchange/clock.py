"""The exchange's own time: the machine's, shifted, or frozen until somebody moves it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Clock:
    """Milliseconds UTC. `frozen_ms` None: real time plus a shift; else it stands still there until set or advanced."""

    def __init__(self, frozen_ms: int | None = None) -> None:
        self._frozen = frozen_ms
        self._shift = 0
        self._changed = threading.Condition()
        self._closed = False
        self.listeners: list[Callable[[], None]] = []

    @property
    def is_frozen(self) -> bool:
        """Tell whether time stands still."""
        return self._frozen is not None

    def now_ms(self) -> int:
        """Return the exchange's time."""
        if self._frozen is not None:
            return self._frozen
        return time.time_ns() // 1_000_000 + self._shift

    def set(self, now_ms: int | None, *, frozen: bool = True) -> None:
        """Freeze at a time, run from it on (`frozen=False`), or with None go back to the machine's time."""
        with self._changed:
            if now_ms is None:
                self._frozen, self._shift = None, 0
            elif frozen:
                self._frozen = now_ms
            else:
                self._frozen, self._shift = None, now_ms - time.time_ns() // 1_000_000
            self._changed.notify_all()
        self._tell()

    def advance(self, by_ms: int) -> None:
        """Move time on, frozen or not."""
        with self._changed:
            if self._frozen is not None:
                self._frozen += by_ms
            else:
                self._shift += by_ms
            self._changed.notify_all()
        self._tell()

    def wait(self, seconds: float) -> None:
        """Block until that much of the exchange's time has passed, or the server stops."""
        until = self.now_ms() + round(seconds * 1000)
        with self._changed:
            while not self._closed and (left := until - self.now_ms()) > 0:
                self._changed.wait(None if self.is_frozen else left / 1000)

    def close(self) -> None:
        """Wake everybody who waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _tell(self) -> None:
        for listener in self.listeners:
            listener()
