"""What a law found: the row that is not what it must be, and a glance behind a strategy's back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from trader_cli.model.bars import Bars


@dataclass(frozen=True)
class Finding:
    """A row that is not what it must be.

    test: `prefix`, `nan`, `noise`, `other`, `surge`, `crash` or `late` (what was made of the future), `again`, `order`, `seed`,
    `before`, `writes` (asked in another way), `watch` (seen while it ran). cut: bars known. bar: the first row before the
    cut that changed; it looks at least `cut - bar` bars ahead. time: when that bar opened, ISO 8601. field: the column of
    Signals. expected: said with the true future, got: said without it, None where the column was absent. problem: the
    sentence where there are no two numbers. symbol: whose bars. cause: in words, empty where it is not known.
    """

    test: str
    cut: int
    bar: int
    time: str
    field: str
    expected: float | None = None
    got: float | None = None
    problem: str = ""
    symbol: str = ""
    cause: str = ""

    @property
    def plain(self) -> dict[str, object]:
        """What a reader of JSON is told of it."""
        told = {name: getattr(self, name) for name in ("symbol", "bar", "time", "field", "test", "cause")}
        return told | {"text": str(self)}

    def __str__(self) -> str:
        if self.test == "watch":
            return self.problem
        if self.problem:
            return f"{self.test} at cut {self.cut}: {self.problem}"
        where = f"bar {self.bar} ({self.time}): `{self.field}`"
        if self.test in _ASKED:
            return f"{where} was {self.expected}, {_ASKED[self.test]} {self.got}"
        ahead = self.cut - self.bar
        return (
            f"{where} is {self.expected} with the bars from {self.cut} on and "
            f"{self.got} without them ({self.test}): it looks {ahead} or more bars ahead"
        )


_ASKED = {
    "again": "asked again",
    "order": "asked after other symbols",
    "seed": "with other random numbers",
    "before": "asked after a part of the same bars",
    "writes": "after it ran",
}


@dataclass(frozen=True)
class Touch:
    """Something a strategy reached for beside its bars.

    kind: `file`, `network`, `process`, `memory`, `clock`, `environment` or `random`. what: a path, an address, a name.
    where: file and line of the author's code.
    """

    kind: str
    what: str
    where: str

    def __str__(self) -> str:
        return f"{_DEEDS[self.kind]} {self.what} ({self.where})"


_DEEDS = {
    "file": "it reads the file",
    "network": "it asks the network:",
    "process": "it starts a process:",
    "memory": "it searches the program's memory:",
    "clock": "it reads the clock:",
    "environment": "it reads the environment:",
    "random": "it draws random numbers without a seed:",
}


def time_of(bars: Bars, row: int) -> str:
    """Return when a row opened, ISO 8601 in UTC; beyond the last row, the last."""
    stamp = int(bars.open_ms[min(row, len(bars) - 1)])
    return datetime.fromtimestamp(stamp / 1000, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
