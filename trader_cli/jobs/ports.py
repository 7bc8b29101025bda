"""What the jobs need from the ends; `market`, `ledger` and `strategy` implement it, tests fake it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from trader_cli.model.bars import Bars
from trader_cli.model.instrument import Instrument
from trader_cli.model.run import RunRecord
from trader_cli.model.timeframe import Timeframe


class BarSource(Protocol):
    """Where closed bars and the steps of instruments come from."""

    def load(
        self,
        symbol: str,
        exchange: str | None,
        timeframe: Timeframe | None,
        since_ms: int | None = None,
        until_ms: int | None = None,
    ) -> Bars:
        """Return the bars of one symbol; raises DataError when there are none or they are damaged."""
        ...

    def instrument(self, symbol: str, exchange: str) -> Instrument:
        """Return the steps and minimums of a symbol, undescribed where nobody stated them."""
        ...

    def digest(self, bars: Bars) -> str:
        """Return the SHA-256 (hex) of the bars' columns."""
        ...


class SwingCache(Protocol):
    """Where confirmed swings are kept (R4.3)."""

    def swings(self, key: str) -> Sequence[tuple[int, int, float, str]] | None:
        """Return (happened_ms, known_ms, price, `high` or `low`) as stored under a key, None when nothing ever was."""
        ...

    def store_swings(self, key: str, rows: Iterable[tuple[int, int, float, str]]) -> None:
        """Store swings under a key, once."""
        ...


class RunLedger(SwingCache, Protocol):
    """Where a finished run is kept."""

    def record_run(self, record: RunRecord) -> None:
        """Write the run, its fills, round trips and entries in one transaction, or nothing."""
        ...
