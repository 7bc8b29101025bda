"""The errors a user can do something about.

TraderError
├── UsageError      exit 2: a flag, a key or a value that cannot be meant
├── StrategyError   exit 3: unknown or broken strategy
└── DataError       exit 4: bars or ledger missing, stale or damaged

An error is a sentence with the value (lower case, no full stop), then hints, each a thing to do.
Whatever is not a TraderError is a fault of the program and ends with exit code 1.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class TraderError(Exception):
    """Something the user can mend; carries hints, a stable `code` for scripts and the exit code."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)


class UsageError(TraderError):
    """A flag, a configuration key or a value that cannot be meant."""

    code = "usage"
    exit_code = 2


class StrategyError(TraderError):
    """A strategy that is unknown, cannot be loaded, or returns what no strategy may return."""

    code = "strategy"
    exit_code = 3


class DataError(TraderError):
    """Bars or ledger that are missing, stale or damaged."""

    code = "data"
    exit_code = 4


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return one hint naming the nearest known word, or none when nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.55)
    return (f"did you mean `{near[0]}`?",) if near else ()
