"""The ledger's face: every method one transaction; what is in the rows is written and read by the files beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select

from trader_cli.ledger import halts, schema
from trader_cli.ledger.append import append
from trader_cli.ledger.halts import HaltState
from trader_cli.ledger.opened import no_collection
from trader_cli.ledger.record import risk_row, write_run
from trader_cli.ledger.research import Research
from trader_cli.ledger.rows import newest_events, rows
from trader_cli.ledger.scans import Scans
from trader_cli.ledger.summaries import RunSummary, summaries, summary
from trader_cli.ledger.swings import Swing, store_swings, swings
from trader_cli.ledger.trading import Trading
from trader_cli.model.risk import ALL, RiskEvent
from trader_cli.model.run import RunRecord


class Ledger(Trading, Research, Scans):
    """The ledger of one home. Every write is one transaction: all of it, or nothing."""

    def record_run(self, record: RunRecord) -> None:
        """Write a run with its entries, fills, round trips, wallets and risk events in one transaction."""
        with no_collection(), self._writing() as connection:
            write_run(connection, record)

    def record_event(self, time_ms: int, kind: str, message: str) -> None:
        """Note something that happened to the system itself."""
        with self._writing() as connection:
            append(connection, schema.system_events, [(time_ms, kind, message)])

    def record_risk_event(self, event: RiskEvent) -> None:
        """Note what a rule did outside of any run."""
        with self._writing() as connection:
            append(connection, schema.risk_events, [risk_row(None, event)])

    def risk_events(self, limit: int) -> list[RiskEvent]:
        """Return the newest risk events outside of backtests, the newest first; a backtest's are among its `rows`."""
        with self._reading() as connection:
            return newest_events(connection, limit)

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
    ) -> HaltState | None:
        """Halt `all` or a wallet; return the state it was halted in already, None when it was not.

        rule, number, limit, unit: what tripped, empty for a halt by hand. Halted again, a scope keeps its reason and
        numbers; only that positions are to be closed is added. Raises UsageError for a name no wallet can have.
        """
        state = HaltState(scope, time_ms, close_positions, reason, rule, number, limit, unit)
        with self._writing() as connection:
            return halts.halt(connection, state)

    def resume(self, time_ms: int, scope: str, reason: str) -> HaltState | None:
        """Resume `all` or a wallet; return the state it was halted in, None where there was nothing to resume."""
        with self._writing() as connection:
            return halts.resume(connection, time_ms, scope, reason)

    def halted(self) -> dict[str, HaltState]:
        """Return what is halted by scope, the longest halted first."""
        with self._reading() as connection:
            return halts.halted(connection)

    def scopes(self) -> list[str]:
        """Return what can be halted as far as the ledger knows: `all`, the wallets of runs, whatever was halted before."""
        w, h = schema.wallets, schema.halts
        with self._reading() as connection:
            names = [*connection.execute(select(w.c.name).distinct().order_by(w.c.name)).scalars()]
            scopes = [*connection.execute(select(h.c.scope).distinct().order_by(h.c.scope)).scalars()]
        return list(dict.fromkeys((ALL, *names, *scopes)))

    def swings(self, key: str) -> list[Swing] | None:
        """Return the swings cached under a key in their order, None when nothing ever was."""
        with self._reading() as connection:
            return swings(connection, key)

    def store_swings(self, key: str, rows: Iterable[tuple[int, int, float, str]]) -> None:
        """Cache swings as (happened_ms, known_ms, price, kind), none too; what is stored under a key already stays."""
        with self._writing() as connection:
            store_swings(connection, key, rows)

    def runs(self, limit: int | None = None, strategy: str | None = None) -> list[RunSummary]:
        """Return runs, newest first."""
        with self._reading() as connection:
            return summaries(connection, limit, strategy)

    def run(self, prefix: str) -> RunSummary:
        """Return the run whose id begins with `prefix`. Raises UsageError when there is none or more than one."""
        with self._reading() as connection:
            return summary(connection, prefix)

    def rows(self, table: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's `fills`, `trades`, `wallets` or `risk_events` in order; fills and trades say whose they were."""
        with self._reading() as connection:
            return rows(connection, table, run_id)
