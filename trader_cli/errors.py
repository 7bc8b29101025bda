"""The errors a user can do something about.

TraderError
├── UsageError      exit 2: a flag, a key or a value that cannot be meant
├── StrategyError   exit 3: unknown or broken strategy
├── DataError       exit 4: bars or ledger missing, stale or damaged
├── VenueError      exit 5: unreachable, refused, or rate-limited beyond the budget
│   └── TimeUpError  a cycle at its own limit of time
├── RiskError       exit 6: halted, breaker open, not armed, or accounts that do not agree
├── UnresolvedError exit 7: an order's fate is not known yet
├── LeaseError      exit 75: another run holds the lease
└── WorkersLostError  exit 1: a process that worked for this one was killed

An error is a sentence with the value (lower case, no full stop), then hints, each a thing to do.
Whatever is not a TraderError is a fault of the program and ends with exit code 1.
"""

from __future__ import annotations

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


class VenueError(TraderError):
    """A venue that cannot be reached, refuses, or has no calls left for us.

    pattern: the row of the error table that matched. resolution: what it asks for (model.orders.Resolution), as text.
    retry_ms: ms UTC before which nothing may be asked, 0 = not stated.
    """

    code = "venue"
    exit_code = 5

    def __init__(
        self, message: str, *hints: str, pattern: str = "", resolution: str = "skip_cycle", retry_ms: int = 0
    ) -> None:
        super().__init__(message, *hints)
        self.pattern = pattern
        self.resolution = resolution
        self.retry_ms = retry_ms


class TimeUpError(VenueError):
    """A cycle that reached its own limit of time; whatever it had sent is followed by the next one."""

    code = "time_up"


class RiskError(TraderError):
    """Trading that is halted, not armed, or whose books do not agree with the venue's."""

    code = "risk"
    exit_code = 6


class UnresolvedError(TraderError):
    """An order whose fate is not known yet; nothing new was placed on its market."""

    code = "unresolved"
    exit_code = 7


class ValidationError(TraderError):
    """A strategy that failed a check of `validate`."""

    code = "validation"
    exit_code = 8


class LeaseError(TraderError):
    """Another run holds the lease of this account."""

    code = "lease"
    exit_code = 75


class WorkersLostError(TraderError):
    """A process that worked for this one died at it: killed, by the system where memory ran out, or crashed in machine code."""

    code = "workers"


def sentence(error: TraderError) -> str:
    """Return an error as lines for a reader: what is wrong, then a hint a line."""
    lines = [f"error: {error.message}"]
    if error.hints:
        lines += ["", *(f"hint: {hint}" for hint in error.hints)]
    return "\n".join(lines) + "\n"


def body(error: TraderError) -> dict[str, object]:
    """Return an error as JSON knows it."""
    return {"code": error.code, "message": error.message, "hints": list(error.hints)}


def did_you_mean(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return one hint naming the nearest known word, or none when nothing is near."""
    # Imported where a word was wrong: whoever finds the lease taken has to be gone at once.
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.55)
    return (f"did you mean `{near[0]}`?",) if near else ()
