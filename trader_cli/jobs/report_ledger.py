"""What reports need from the ledger; `ledger` implements it, tests fake it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from trader_cli.model.session import Adjustment, CycleRecord, OrderRecord, Session, Step


class Halt(Protocol):
    """A scope that is halted: since when, ms UTC, and why."""

    @property
    def since_ms(self) -> int:
        """When it was halted, ms UTC."""
        ...

    @property
    def reason(self) -> str:
        """Why, in words."""
        ...


class ReportLedger(Protocol):
    """What a report reads; nothing here writes."""

    def sessions(self) -> Sequence[Session]:
        """Return all sessions, newest first."""
        ...

    def last_step(self, run_id: str) -> Step:
        """Return a session's newest step."""
        ...

    def steps(self, run_id: str, limit: int) -> Sequence[Step]:
        """Return a session's newest steps, newest first."""
        ...

    def orders(self, run_id: str, *, open_only: bool = False) -> Sequence[OrderRecord]:
        """Return a session's orders, oldest first."""
        ...

    def order(self, client_id: str) -> OrderRecord | None:
        """Return an order by its client id."""
        ...

    def find_orders(self, prefix: str) -> Sequence[OrderRecord]:
        """Return the orders whose client id or venue id begins so."""
        ...

    def venue_fills(self, run_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a session's fills at a venue, each with its ticket and its trade."""
        ...

    def rows(self, table: str, run_id: str) -> Sequence[Mapping[str, Any]]:
        """Return a run's `fills`, `trades` or `risk_events` in order."""
        ...

    def cycles(self, limit: int, run_id: str | None = None) -> Sequence[CycleRecord]:
        """Return the last cycles, newest first."""
        ...

    def adjustments(self, run_id: str) -> Sequence[tuple[int, Adjustment]]:
        """Return what somebody explained, with its time."""
        ...

    def halted(self) -> Mapping[str, Halt]:
        """Return what is halted by scope: `all` or a wallet's name."""
        ...
