"""The ledger's face: every method one transaction; what is in the rows is written and read by the files beside it."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, RowMapping, inspect, select

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.ledger import halts, schema
from trader_cli.ledger.append import append
from trader_cli.ledger.database import connect, migrate, reading, require_head, version_of, writing
from trader_cli.ledger.halts import HaltState
from trader_cli.ledger.record import risk_row, write_run
from trader_cli.ledger.rows import newest_events, rows
from trader_cli.ledger.swings import Swing, store_swings, swings
from trader_cli.model.risk import ALL, RiskEvent
from trader_cli.model.run import RunRecord


@dataclass(frozen=True)
class RunSummary:
    """A run as it is listed; money in 1e-8 quote, stats as the run reported them."""

    run_id: str
    mode: str
    strategy: str
    params: Mapping[str, Any]
    preset: str
    symbols: tuple[str, ...]
    exchange: str
    timeframe: str
    quote: str
    started_ms: int
    start_ms: int
    end_ms: int
    bars: int
    cash_start: int
    cash_end: int
    equity_end: int
    digest: str
    code_digest: str
    stats: Mapping[str, Any]


class Ledger:
    """One database of runs. Every write is one transaction: all of it, or nothing."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self.engine = engine
        self.path = path

    @classmethod
    def open(cls, url: str, home: Path, *, create: bool = True, older: bool = False) -> Ledger:
        """Open a ledger, making it when it is missing and `create` is set.

        older: take one of an older schema too, to copy it before it is migrated. Raises DataError for a file that is no
        ledger, damaged, or of another schema.
        """
        engine, path = connect(url, home, create=create)
        try:
            with reading(engine, path) as connection:
                version = version_of(connection)
                empty = version is None and not inspect(connection).get_table_names()
            if empty and create:
                with writing(engine, path) as connection:
                    # Somebody else may have made it a moment ago.
                    if version_of(connection) is None:
                        migrate(connection)
            else:
                require_head(version, path, older=older)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, path)

    def close(self) -> None:
        """Give the file back."""
        self.engine.dispose()

    def record_run(self, record: RunRecord) -> None:
        """Write a run with its entries, fills, round trips, wallets and risk events in one transaction."""
        with _no_collection(), writing(self.engine, self.path) as connection:
            write_run(connection, record)

    def record_event(self, time_ms: int, kind: str, message: str) -> None:
        """Note something that happened to the system itself."""
        with writing(self.engine, self.path) as connection:
            append(connection, schema.system_events, [(time_ms, kind, message)])

    def record_risk_event(self, event: RiskEvent) -> None:
        """Note what a rule did outside of any run."""
        with writing(self.engine, self.path) as connection:
            append(connection, schema.risk_events, [risk_row(None, event)])

    def risk_events(self, limit: int) -> list[RiskEvent]:
        """Return the newest risk events outside of backtests, the newest first; a backtest's are among its `rows`."""
        with reading(self.engine, self.path) as connection:
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
        with writing(self.engine, self.path) as connection:
            return halts.halt(connection, state)

    def resume(self, time_ms: int, scope: str, reason: str) -> HaltState | None:
        """Resume `all` or a wallet; return the state it was halted in, None where there was nothing to resume."""
        with writing(self.engine, self.path) as connection:
            return halts.resume(connection, time_ms, scope, reason)

    def halted(self) -> dict[str, HaltState]:
        """Return what is halted by scope, the longest halted first."""
        with reading(self.engine, self.path) as connection:
            return halts.halted(connection)

    def scopes(self) -> list[str]:
        """Return what can be halted as far as the ledger knows: `all`, the wallets of runs, whatever was halted before."""
        w, h = schema.wallets, schema.halts
        with reading(self.engine, self.path) as connection:
            names = [*connection.execute(select(w.c.name).distinct().order_by(w.c.name)).scalars()]
            scopes = [*connection.execute(select(h.c.scope).distinct().order_by(h.c.scope)).scalars()]
        return list(dict.fromkeys((ALL, *names, *scopes)))

    def swings(self, key: str) -> list[Swing] | None:
        """Return the swings cached under a key in their order, None when nothing ever was."""
        with reading(self.engine, self.path) as connection:
            return swings(connection, key)

    def store_swings(self, key: str, rows: Iterable[tuple[int, int, float, str]]) -> None:
        """Cache swings as (happened_ms, known_ms, price, kind), none too; what is stored under a key already stays."""
        with writing(self.engine, self.path) as connection:
            store_swings(connection, key, rows)

    def runs(self, limit: int | None = None, strategy: str | None = None) -> list[RunSummary]:
        """Return runs, newest first."""
        query = select(schema.runs).order_by(schema.runs.c.id.desc())
        if strategy is not None:
            query = query.where(schema.runs.c.strategy == strategy)
        if limit is not None:
            query = query.limit(limit)
        with reading(self.engine, self.path) as connection:
            return [_summary(row) for row in connection.execute(query).mappings()]

    def run(self, prefix: str) -> RunSummary:
        """Return the run whose id begins with `prefix`. Raises UsageError when there is none or more than one."""
        with reading(self.engine, self.path) as connection:
            known = list(connection.execute(select(schema.runs.c.run_id).order_by(schema.runs.c.id.desc())).scalars())
            hits = [one for one in known if one.startswith(prefix)] if prefix else []
            if len(hits) != 1 and prefix not in hits:
                if hits:
                    raise UsageError(f"`{prefix}` could be {len(hits)} runs", f"e.g. `{hits[0]}` or `{hits[1]}`")
                near = did_you_mean(prefix, [one[: max(len(prefix), 6)] for one in known])
                raise UsageError(f"there is no run `{prefix}`", *near, "`trader report` lists the runs")
            wanted = prefix if prefix in hits else hits[0]
            query = select(schema.runs).where(schema.runs.c.run_id == wanted)
            return _summary(connection.execute(query).mappings().one())

    def rows(self, table: str, run_id: str) -> list[dict[str, Any]]:
        """Return a run's `fills`, `trades`, `wallets` or `risk_events` in order; fills and trades say whose they were."""
        with reading(self.engine, self.path) as connection:
            return rows(connection, table, run_id)


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking a million short-lived rows again and again: a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _summary(row: RowMapping) -> RunSummary:
    values = {name: row[name] for name in RunSummary.__dataclass_fields__}
    for name in ("params", "stats"):
        values[name] = json.loads(values[name])
    values["symbols"] = tuple(json.loads(values["symbols"]))
    return RunSummary(**values)
