"""A rest after each answer: a machine that is late must not have its next question arrive too soon after the one before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Rest:
    """Between the answers of one venue and the questions after them.

    rest_ms: least time between them, 0 = none. now_ms, sleep: this machine's, sleep in seconds.
    """

    def __init__(self, rest_ms: int, now_ms: Callable[[], int], sleep: Callable[[float], None]) -> None:
        self._rest_ms = rest_ms
        self._now_ms = now_ms
        self._sleep = sleep
        self._rested_ms = 0

    def between(self, ask: Callable[[Mapping[str, Any]], object]) -> Callable[[Mapping[str, Any]], object]:
        """Return the same question, asked after a rest."""

        def rested(params: Mapping[str, Any]) -> object:
            # A clock that was put back lets nobody wait for longer than a rest.
            wait_ms = min(self._rested_ms - self._now_ms(), self._rest_ms)
            if wait_ms > 0:
                self._sleep(wait_ms / 1000)
            try:
                return ask(params)
            finally:
                self._rested_ms = self._now_ms() + self._rest_ms

        return rested
