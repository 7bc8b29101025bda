"""The length of a bar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering

from trader_cli.errors import UsageError

_UNIT_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}
DAY_MS = _UNIT_MS["d"]
# 1970-01-01 was a Thursday; weeks begin on Monday 1970-01-05.
_WEEK_OFFSET_MS = 4 * DAY_MS


@total_ordering
@dataclass(frozen=True)
class Timeframe:
    """A whole number of minutes, hours, days or weeks. `ms` is the length in milliseconds."""

    ms: int

    @classmethod
    def parse(cls, text: str) -> Timeframe:
        """Read `1m`, `30m`, `4h`, `1d`, `1w`. Raises UsageError for anything else."""
        match = re.fullmatch(r"([1-9]\d{0,4})([mhdw])", text.strip())
        if match is None:
            raise UsageError(f"`{text}` is not a timeframe", "write a number and m, h, d or w, e.g. `30m`, `4h`, `1d`")
        return cls(int(match[1]) * _UNIT_MS[match[2]])

    def __str__(self) -> str:
        for unit in ("w", "d", "h"):
            if self.ms % _UNIT_MS[unit] == 0:
                return f"{self.ms // _UNIT_MS[unit]}{unit}"
        return f"{self.ms // _UNIT_MS['m']}m"

    def __lt__(self, other: Timeframe) -> bool:
        return self.ms < other.ms

    @property
    def offset_ms(self) -> int:
        """Where the grid of opens begins: 0, but Monday for weekly bars."""
        return _WEEK_OFFSET_MS if self.ms % _UNIT_MS["w"] == 0 else 0

    def floor(self, time_ms: int) -> int:
        """Return the open of the bar that holds `time_ms` (ms UTC)."""
        return (time_ms - self.offset_ms) // self.ms * self.ms + self.offset_ms
