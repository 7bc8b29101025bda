"""What a scan leaves behind: which symbols it looked at, which it left out by which number, and what was wanted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ACT, LOOK, WEAK, KEEP, FLAT, SILENT = "act", "look", "weak", "keep", "flat", "silent"
STATES = (ACT, LOOK, WEAK, KEEP, FLAT, SILENT)
"""Of a signal, from the best: a purchase; worth a look; too unsure; held but bought no more; wants nothing; never spoke."""


@dataclass(frozen=True)
class LeftOut:
    """A symbol that a scan left out.

    filter: its name; `bars` where its bars could not be had. number, limit: what was measured and what it was held against,
    in `unit`, NaN where nothing was. message: the same as a sentence.
    """

    symbol: str
    filter: str
    number: float
    limit: float
    unit: str
    message: str


@dataclass(frozen=True)
class RankedSignal:
    """One strategy's wish to hold a symbol, as a scan ranked it.

    rank: from 1, the best first. state: `act`, `look`, `weak` or `keep`. bar_ms: open of the bar it is of, ms UTC. figures:
    numbers by name, NaN = not known.
    """

    symbol: str
    strategy: str
    rank: int
    state: str
    bar_ms: int
    figures: Mapping[str, float]


@dataclass(frozen=True)
class ScanRecord:
    """A scan as the ledger keeps it. approved: the symbols that passed every filter.

    universe: where the symbols were from, in words. time_ms: when, ms UTC. settings: JSON-able, the limits it went by.
    """

    scan_id: str
    time_ms: int
    exchange: str
    timeframe: str
    universe: str
    strategies: tuple[str, ...]
    settings: Mapping[str, Any]
    approved: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    signals: tuple[RankedSignal, ...]

    @property
    def symbols(self) -> int:
        """How many symbols it looked at."""
        return len(self.approved) + len(self.left_out)


@dataclass(frozen=True)
class ScanSummary:
    """What a list of scans shows of one. filtered: how many symbols each filter left out. acts: signals to act on."""

    scan_id: str
    time_ms: int
    exchange: str
    timeframe: str
    universe: str
    strategies: tuple[str, ...]
    symbols: int
    approved: int
    filtered: Mapping[str, int]
    signals: int
    acts: int

    @property
    def approval_pct(self) -> float:
        """Share of the symbols that passed every filter, in percent; NaN for a scan of none."""
        return 100.0 * self.approved / self.symbols if self.symbols else float("nan")
