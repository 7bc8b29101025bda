"""Does the ledger prove itself: chains, sums, balances, and the file underneath."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from trader_cli.errors import TraderError
from trader_cli.ledger import proving, scans, schema
from trader_cli.ledger.balances import balances
from trader_cli.ledger.chain import GENESIS, link, row_bytes, transaction_bytes
from trader_cli.ledger.database import reading, version_of
from trader_cli.ledger.finding import Finding
from trader_cli.ledger.ledger import Ledger
from trader_cli.ledger.ordering import adjustments, orders, venue_fills

_MOST = 50


def verify(ledger: Ledger, progress: Callable[[int, int], None] | None = None) -> list[Finding]:
    """Return everything that is wrong, at most 50 findings; an empty list is a ledger that adds up."""
    found: list[Finding] = []
    try:
        with reading(ledger.engine, ledger.path) as connection:
            for finding in _all(connection, progress):
                found.append(finding)
                if len(found) >= _MOST:
                    break
    except TraderError as error:
        found.append(Finding("file", None, error.message))
    return found


def _all(connection: Connection, progress: Callable[[int, int], None] | None) -> Iterator[Finding]:
    steps: list[tuple[str, Callable[[Connection], Iterator[Finding]]]] = []
    if connection.dialect.name == "sqlite":
        steps.append(("file", _integrity))
    version = version_of(connection)
    chained = [t for t in schema.CHAINED if t is not schema.transactions and schema.is_in(t, version)]
    steps += [(t.name, partial(_plain_chain, t)) for t in chained]
    sessions = schema.is_in(schema.sessions, version)
    has_wallets = schema.is_in(schema.wallets, version)
    steps += [
        ("transactions", _transactions),
        ("runs", partial(balances, wallets=has_wallets, sessions=sessions)),
    ]
    if sessions:
        steps += [("orders", orders), ("venue_fills", venue_fills), ("adjustments", adjustments)]
    if schema.is_in(schema.sweeps, version):
        steps += [
            *(("sweeps", proving.sweeps), ("trials", proving.trials)),
            *(("verdicts", proving.verdicts), ("proposals", proving.proposals)),
        ]
    if schema.is_in(schema.scans, version):
        steps.append(("scans", scans.prove))
    for i, (name, step) in enumerate(steps):
        if progress is not None:
            progress(i, len(steps))
        try:
            yield from step(connection)
        except (DBAPIError, TraderError, ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
            text = str(getattr(error, "orig", error))
            yield Finding(name, None, f"cannot be read: {type(error).__name__}: {text}")


def _integrity(connection: Connection) -> Iterator[Finding]:
    for (text,) in connection.exec_driver_sql("PRAGMA integrity_check(10)"):
        if text != "ok":
            yield Finding("file", None, str(text))
    # One missing run orphans thousands of rows: a finding for each would leave no room for the one that is the cause.
    orphans: dict[tuple[str, str], list[Any]] = {}
    for table, row, parent, _ in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        orphans.setdefault((str(table), str(parent)), []).append(row)
    for (name, parent), rows in orphans.items():
        more = f", and so do {len(rows) - 1} more rows" if len(rows) > 1 else ""
        yield Finding(name, rows[0], f"refers to a row of `{parent}` that is missing{more}")
    stored = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    version = version_of(connection)
    for table in (one for one in schema.APPEND_ONLY if schema.is_in(one, version)):
        for verb in ("update", "delete"):
            if f"{table.name}_no_{verb}" not in stored:
                yield Finding(table.name, None, f"the trigger that refuses every {verb} is gone")


def _heads(connection: Connection) -> dict[str, tuple[int, bytes]]:
    return {row.name: (row.rows, bytes(row.head)) for row in connection.execute(select(schema.heads))}


def _links(table: str, rows: Iterator[tuple[int, bytes, bytes]], head: tuple[int, bytes]) -> Iterator[Finding]:
    """Follow a chain of (id, canonical bytes, chain); ids count from 1 without a gap."""
    before = GENESIS
    number = 0
    for number, (found, content, stored) in enumerate(rows, start=1):
        if found != number:
            yield Finding(table, number, f"row {number} is missing: the next row is {found}")
            return
        if stored != link(before, content):
            yield Finding(table, number, "the row or the one before it was changed after it was written")
            return
        before = stored
    if head != (number, before):
        text = f"the chain ends at row {number}, its head says {head[0]}: rows at the end are missing or the head was changed"
        yield Finding(table, number, text)


def _plain_chain(table: Table, connection: Connection) -> Iterator[Finding]:
    query = select(table).order_by(table.c.id)
    rows = ((row[0], row_bytes(row[:-1]), bytes(row[-1])) for row in connection.execute(query))
    yield from _links(table.name, rows, _heads(connection).get(table.name, (0, GENESIS)))


def _transactions(connection: Connection) -> Iterator[Finding]:
    t, e, f = schema.transactions, schema.entries, schema.fills
    assets = {row[0]: row[1] for row in connection.execute(select(schema.accounts.c.id, schema.accounts.c.asset))}
    fills = {row[0]: row for row in connection.execute(select(f))}
    entries = connection.execute(select(e).order_by(e.c.txn, e.c.line))
    of_transaction = {number: list(rows) for number, rows in groupby(entries, key=itemgetter(0))}
    unbalanced: list[Finding] = []

    def rows() -> Iterator[tuple[int, bytes, bytes]]:
        for number, run, time_ms, kind, stored in connection.execute(select(t).order_by(t.c.id)):
            fill = fills.pop(number, None)
            own = of_transaction.pop(number, [])
            unbalanced.extend(_sums(number, own, assets))
            yield number, _content(number, run, time_ms, kind, fill, own), bytes(stored)

    yield from _links("transactions", rows(), _heads(connection).get("transactions", (0, GENESIS)))
    yield from unbalanced
    for number in fills:
        yield Finding("fills", number, "the fill belongs to no transaction")
    for number in of_transaction:
        yield Finding("entries", number, f"entries belong to transaction {number}, which is missing")


def _content(number: int, run: int, time_ms: int, kind: str, fill: Any, entries: Sequence[Any]) -> bytes:
    try:
        head = struct.pack("<3q", number, run, time_ms)
        symbol, details = ("", b"") if fill is None else (fill[1], struct.pack("<8q", *fill[2:]))
        return transaction_bytes(head, kind, symbol, details, b"".join(struct.pack("<4q", *one) for one in entries))
    except (struct.error, AttributeError, TypeError):
        # A value that is no integer or no text any more: no bytes can match the chain, which names the row.
        return b""


def _sums(number: int, entries: Sequence[Any], assets: Mapping[int, str]) -> Iterator[Finding]:
    sums: dict[Any, Any] = {}
    for _, _, account, amount in entries:
        asset = assets.get(account)
        sums[asset] = sums.get(asset, 0) + (amount if isinstance(amount, int) else 1)
    for asset, total in sums.items():
        if total != 0:
            yield Finding("transactions", number, f"its entries in {asset} sum to {total}, not to zero")
