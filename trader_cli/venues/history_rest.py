"""A rest after each answer: a machine that is late must not have its next question arrive too soon after the one before."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

T = TypeVar("T")


class Rest:
    """Between the answers of one venue and the questions after them, of several threads too.

    rest_ms: least time between them now; 0 = none, and questions need not wait for each other's answers. now_ms, sleep: this
    machine's, sleep in seconds.
    """

    def __init__(self, rest_ms: Callable[[], int], now_ms: Callable[[], int], sleep: Callable[[float], None]) -> None:
        self._rest_ms = rest_ms
        self._now_ms = now_ms
        self._sleep = sleep
        self._answered_ms: int | None = None
        self._one = threading.Lock()

    def between(self, ask: Callable[[Mapping[str, Any]], object]) -> Callable[[Mapping[str, Any]], object]:
        """Return the same question, asked after a rest."""
        return lambda params: self.rested(lambda: ask(params))

    def rested(self, ask: Callable[[], T]) -> T:
        """Return a question's answer, asked after a rest."""
        if self._rest_ms() == 0:
            return self._answered(ask)
        with self._one:
            # A clock that was put back lets nobody wait for longer than a rest.
            rest_ms = self._rest_ms()
            if self._answered_ms is not None and (past_ms := self._now_ms() - self._answered_ms) < rest_ms:
                self._sleep(min(rest_ms - past_ms, rest_ms) / 1000)
            return self._answered(ask)

    def _answered(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        finally:
            self._answered_ms = self._now_ms()
