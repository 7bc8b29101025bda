"""Writing runs into the ledger, and reading them back."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Connection, Engine, RowMapping, Table, insert, inspect, select, update

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.ledger import schema
from trader_cli.ledger.chain import GENESIS, chain, row_bytes, transaction_bytes
from trader_cli.ledger.database import connect, migrate, reading, require_head, version_of, writing
from trader_cli.ledger.posting import post
from trader_cli.model.bars import Ints
from trader_cli.model.run import RunRecord

_BATCH = 50_000


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
    def open(cls, url: str, home: Path, *, create: bool = True) -> Ledger:
        """Open a ledger, making it when it is missing and `create` is set.

        Raises DataError for a file that is no ledger, damaged, or of another schema.
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
                require_head(version, path)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, path)

    def close(self) -> None:
        """Give the file back."""
        self.engine.dispose()

    def record_run(self, record: RunRecord) -> None:
        """Write a run with its transactions, entries, fills and round trips in one transaction."""
        with _no_collection(), writing(self.engine, self.path) as connection:
            run = _append(connection, schema.runs, [_run_row(record)])
            first = _write_transactions(connection, record, run)
            _write_trades(connection, record, run, first)
            _write_strategy(connection, record, run)

    def record_event(self, time_ms: int, kind: str, message: str) -> None:
        """Note something that happened to the system itself."""
        with writing(self.engine, self.path) as connection:
            _append(connection, schema.system_events, [(time_ms, kind, message)])

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
        """Return a run's `fills` or `trades` as stored, in order."""
        t = schema.metadata.tables[table]
        if table == "fills":
            query = select(schema.transactions.c.time_ms, t)
            query = query.join_from(t, schema.transactions, t.c.txn == schema.transactions.c.id).join(schema.runs)
            query = query.order_by(t.c.txn)
        else:
            query = select(t).join(schema.runs).order_by(t.c.id)
        with reading(self.engine, self.path) as connection:
            found = connection.execute(query.where(schema.runs.c.run_id == run_id)).mappings()
            return [{key: value for key, value in row.items() if key not in ("chain", "run")} for row in found]


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


def _json(value: object) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _run_row(record: RunRecord) -> tuple[Any, ...]:
    instruments = [
        {
            "symbol": one.symbol,
            "quote": one.quote,
            "price_decimals": one.price_decimals,
            "tick": str(one.tick),
            "lot": str(one.lot),
            "min_quantity": str(one.min_quantity),
            "min_notional": str(one.min_notional),
        }
        for one in record.instruments
    ]
    texts = (record.run_id, record.mode, record.strategy, _json(dict(record.params)), record.preset)
    more = (_json(dict(record.config)), record.exchange, record.timeframe, record.quote)
    symbols = _json([one.symbol for one in record.instruments])
    digests = (_json(dict(record.data_digests)), record.code_digest, record.digest, _json(dict(record.stats)))
    times = (record.started_ms, record.start_ms, record.end_ms, record.bars)
    money = (record.cash_start, record.cash_end, record.equity_end)
    ends = (_json([int(one) for one in record.holdings]), _json([int(one) for one in record.marks]))
    counts = (len(record.fills), len(record.round_trips))
    return (*texts, *more, symbols, _json(instruments), *digests, *times, *money, *ends, *counts)


def _head(connection: Connection, table: Table) -> tuple[int, bytes]:
    row = connection.execute(select(schema.heads.c.rows, schema.heads.c.head).where(schema.heads.c.name == table.name))
    found = row.first()
    return (0, GENESIS) if found is None else (int(found[0]), bytes(found[1]))


def _set_head(connection: Connection, table: Table, rows: int, head: bytes) -> None:
    values = {"rows": rows, "head": head}
    done = connection.execute(update(schema.heads).where(schema.heads.c.name == table.name).values(values))
    if done.rowcount == 0:
        connection.execute(insert(schema.heads).values(name=table.name, **values))


def _insert(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows given as tuples in column order, through the driver's own executemany."""
    if not rows:
        return
    compiled = insert(table).compile(dialect=connection.dialect)
    names = [column.name for column in table.columns]
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        if compiled.positional:
            connection.exec_driver_sql(str(compiled), [tuple(row) for row in part])
        else:
            connection.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in part])


def _append(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> int:
    """Append rows (without id and chain) to a chained table; return the id of the first."""
    count, head = _head(connection, table)
    numbered = [(count + i, *row) for i, row in enumerate(rows, start=1)]
    links = chain(head, (row_bytes(row) for row in numbered))
    _insert(connection, table, [(*row, one) for row, one in zip(numbered, links, strict=True)])
    if links:
        _set_head(connection, table, count + len(links), links[-1])
    return count + 1


def _account_ids(connection: Connection, names: Sequence[tuple[str, str]]) -> list[int]:
    stored = connection.execute(select(schema.accounts.c.id, schema.accounts.c.name))
    known: dict[str, int] = {name: int(number) for number, name in stored}
    new = list(dict.fromkeys((name, asset) for name, asset in names if name not in known))
    first = _append(connection, schema.accounts, new)
    known.update({name: first + i for i, (name, _) in enumerate(new)})
    return [known[name] for name, _ in names]


def _write_transactions(connection: Connection, record: RunRecord, run: int) -> int:
    """Write the opening and every fill with their entries; return the id of the opening's transaction."""
    posting = post(record)
    ids = np.array(_account_ids(connection, posting.names), np.int64)
    fills = record.fills
    count, head = _head(connection, schema.transactions)
    first = count + 1
    times = np.r_[record.start_ms, fills.time_ms]
    total = len(times)
    begins = np.searchsorted(posting.txn, np.arange(total + 1))
    entries = np.column_stack(
        (
            posting.txn + first,
            np.arange(len(posting.txn)) - begins[posting.txn],
            ids[posting.account],
            posting.amount,
        )
    )
    decimals = np.array([one.price_decimals for one in record.instruments], np.int64)[fills.symbol]
    numbers = (fills.side, fills.quantity, fills.price, decimals, fills.notional, fills.fee, fills.kind, fills.reason)
    details = np.column_stack(numbers).astype("<i8")
    heads = np.column_stack((np.arange(first, first + total), np.full(total, run), times)).astype("<i8")
    symbols = ["", *(fills.symbols[i] for i in fills.symbol.tolist())]
    kinds = ["opening", *["fill"] * len(fills)]
    links = chain(head, _contents(heads, kinds, symbols, details, entries.astype("<i8"), begins.tolist()))
    rows = [(*row, kind, link) for row, kind, link in zip(heads.tolist(), kinds, links, strict=True)]
    _insert(connection, schema.transactions, rows)
    _insert(connection, schema.entries, entries.tolist())
    filled = zip(range(first + 1, first + total), symbols[1:], details.tolist(), strict=True)
    _insert(connection, schema.fills, [(number, symbol, *row) for number, symbol, row in filled])
    _set_head(connection, schema.transactions, count + total, links[-1])
    return first


def _contents(
    heads: Ints, kinds: list[str], symbols: list[str], details: Ints, entries: Ints, begins: list[int]
) -> Iterator[bytes]:
    """Yield every transaction's canonical bytes, cut from the arrays' own memory."""
    head_bytes, detail_bytes, entry_bytes = heads.tobytes(), details.tobytes(), entries.tobytes()
    head_size, detail_size, entry_size = (8 * array.shape[1] for array in (heads, details, entries))
    for i, (kind, symbol) in enumerate(zip(kinds, symbols, strict=True)):
        yield transaction_bytes(
            head_bytes[i * head_size : (i + 1) * head_size],
            kind,
            symbol,
            detail_bytes[(i - 1) * detail_size : i * detail_size] if i else b"",
            entry_bytes[begins[i] * entry_size : begins[i + 1] * entry_size],
        )


def _write_trades(connection: Connection, record: RunRecord, run: int, first: int) -> None:
    trips = record.round_trips
    symbols = [trips.symbols[i] for i in trips.symbol.tolist()]
    columns = (trips.entry_ms, trips.exit_ms, trips.quantity, trips.bought, trips.sold, trips.fees, trips.pnl)
    more = (trips.reason, trips.bars, trips.last_fill + first + 1)
    rows = zip([run] * len(trips), symbols, *(column.tolist() for column in (*columns, *more)), strict=True)
    _append(connection, schema.trades, rows)


def _write_strategy(connection: Connection, record: RunRecord, run: int) -> None:
    t = schema.strategies
    query = select(t.c.id).where(t.c.name == record.strategy, t.c.code_digest == record.code_digest)
    known = connection.execute(query).scalar()
    if known is None:
        known = _append(connection, t, [(record.strategy, record.code_digest, "unvalidated", record.started_ms)])
    trips = record.round_trips
    totals = (len(trips), int(trips.pnl.sum()), int(record.fills.fee.sum()))
    _append(connection, schema.strategy_performance, [(run, int(known), *totals)])
