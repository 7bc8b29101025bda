"""A ledger that forgets: a dry run reads what there is, decides as always, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from trader_cli.jobs.ports import Halted, TradeLedger
from trader_cli.model.fills import Fills
from trader_cli.model.orders import Ticket
from trader_cli.model.session import CycleRecord, OrderEvent, OrderRecord, Session, Step, StepRecord


class DryLedger:
    """Reads through to a ledger and keeps what is written for itself."""

    def __init__(self, ledger: TradeLedger) -> None:
        self._ledger = ledger
        self._opened: tuple[Session, Step] | None = None

    def open_session(self, session: Session, first: Step) -> None:
        """Remember the session that would begin."""
        self._opened = (session, first)

    def session(self, mode: str, exchange: str, account: str) -> Session | None:
        """Return the session there is."""
        return self._ledger.session(mode, exchange, account)

    def last_step(self, run_id: str) -> Step:
        """Return the newest step there is."""
        return self._ledger.last_step(run_id)

    def write_step(self, run_id: str, record: StepRecord) -> None:
        """Write nothing."""

    def session_fills(self, run_id: str) -> Fills:
        """Return the fills there are."""
        if self._opened is not None:
            symbols = self._opened[1].symbols
            return replace(_no_fills(), symbols=symbols)
        return self._ledger.session_fills(run_id)

    def add_ticket(self, ticket: Ticket) -> bool:  # noqa: ARG002
        """Refuse: nothing may be sent."""
        return False

    def note_orders(self, events: Sequence[OrderEvent]) -> None:
        """Write nothing."""

    def orders(self, run_id: str, *, open_only: bool = False) -> Sequence[OrderRecord]:
        """Return the orders there are."""
        return () if self._opened is not None else self._ledger.orders(run_id, open_only=open_only)

    def trade_ids(self, run_id: str, symbol: str) -> set[str]:
        """Return the trades that are booked."""
        return set() if self._opened is not None else self._ledger.trade_ids(run_id, symbol)

    def halted(self) -> Mapping[str, Halted]:
        """Return what is halted."""
        return self._ledger.halted()

    def halt(
        self,
        time_ms: int,
        scope: str,
        reason: str,
        *,
        close_positions: bool = False,
        rule: str = "",
        number: str = "",
        limit: str = "",
        unit: str = "",
    ) -> object:
        """Write nothing."""

    def record_event(self, time_ms: int, kind: str, message: str) -> None:
        """Write nothing."""

    def record_cycle(self, record: CycleRecord) -> None:
        """Write nothing."""

    def learn_minimum(self, time_ms: int, venue: str, symbol: str, minimum: Decimal, message: str) -> None:
        """Write nothing."""


def _no_fills() -> Fills:
    import numpy as np

    nothing = np.empty(0, np.int64)
    return Fills((), *(nothing for _ in range(10)))
