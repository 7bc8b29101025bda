"""Does the ledger prove itself: chains, sums, balances, and the file underneath."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Table, select
from sqlalchemy.exc import DBAPIError

from trader_cli.errors import TraderError
from trader_cli.ledger import schema
from trader_cli.ledger.chain import GENESIS, link, row_bytes, transaction_bytes
from trader_cli.ledger.database import reading
from trader_cli.ledger.ledger import Ledger

_MOST = 50


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the table, the row's id where there is one, and a sentence."""

    table: str
    row: int | None
    message: str


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
    steps += [(t.name, partial(_plain_chain, t)) for t in schema.CHAINED if t is not schema.transactions]
    steps += [("transactions", _transactions), ("runs", _runs)]
    for i, (name, step) in enumerate(steps):
        if progress is not None:
            progress(i, len(steps))
        try:
            yield from step(connection)
        except (DBAPIError, ValueError, TypeError, KeyError, UnicodeDecodeError) as error:
            text = str(getattr(error, "orig", error))
            yield Finding(name, None, f"cannot be read: {type(error).__name__}: {text}")


def _integrity(connection: Connection) -> Iterator[Finding]:
    for (text,) in connection.exec_driver_sql("PRAGMA integrity_check(10)"):
        if text != "ok":
            yield Finding("file", None, str(text))
    for row in connection.exec_driver_sql("PRAGMA foreign_key_check"):
        yield Finding(str(row[0]), row[1], f"refers to a row of `{row[2]}` that is missing")
    stored = {row[0] for row in connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'trigger'")}
    for table in schema.APPEND_ONLY:
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


def _runs(connection: Connection) -> Iterator[Finding]:
    for run in connection.execute(select(schema.runs).order_by(schema.runs.c.id)).mappings():
        yield from _run(connection, run)


def _run(connection: Connection, run: Any) -> Iterator[Finding]:
    """Derive the run's balances, holdings, equity, trades and digest from its entries and fills, and compare."""
    t, e, a, f = schema.transactions, schema.entries, schema.accounts, schema.fills
    number = run["id"]

    def differs(what: str, derived: object, stated: object) -> Finding:
        return Finding("runs", number, f"{what} is {derived} by the entries, the run says {stated}")

    query = select(a.c.name, e.c.amount).join_from(e, t, e.c.txn == t.c.id).join(a, e.c.account == a.c.id)
    balance: dict[str, int] = defaultdict(int)
    for name, amount in connection.execute(query.where(t.c.run == number)):
        balance[name] += amount
    symbols: list[str] = json.loads(run["symbols"])
    quote = run["quote"]
    filled = select(t.c.time_ms, f).join_from(f, t, f.c.txn == t.c.id).where(t.c.run == number)
    fills = connection.execute(filled.order_by(f.c.txn)).all()
    if len(fills) != run["fill_count"]:
        yield differs("the number of fills", len(fills), run["fill_count"])
    if balance[f"assets:cash:{quote}"] != run["cash_end"]:
        yield differs("cash at the end", balance[f"assets:cash:{quote}"], run["cash_end"])
    held: dict[str, int] = dict.fromkeys(symbols, 0)
    whole = hashlib.sha256("\n".join(symbols).encode() + b"\0")
    for row in fills:
        held[row.symbol] = held.get(row.symbol, 0) + row.side * row.quantity
        columns = (row.time_ms, symbols.index(row.symbol), row.side, row.quantity, row.price, row.fee)
        whole.update(b"".join(int(value).to_bytes(8, "little", signed=True) for value in columns))
    if whole.hexdigest() != run["digest"]:
        yield differs("the digest", whole.hexdigest(), run["digest"])
    stated = json.loads(run["holdings"])
    if list(held.values()) != stated:
        yield differs("what is held", list(held.values()), stated)
    yield from _worth(run, balance, differs)
    trips = connection.execute(select(schema.trades).where(schema.trades.c.run == number)).all()
    if len(trips) != run["trade_count"]:
        yield differs("the number of round trips", len(trips), run["trade_count"])
    result = sum(row.sold - row.bought for row in trips)
    if -balance[f"income:trading:{quote}"] != result:
        yield differs("the result of round trips", -balance[f"income:trading:{quote}"], result)
    for row in trips:
        if row.pnl != row.sold - row.bought - row.fees:
            parts = row.sold - row.bought - row.fees
            yield Finding("trades", row.id, f"its result is {row.pnl}, its parts give {parts}")


def _worth(run: Any, balance: dict[str, int], differs: Callable[[str, object, object], Finding]) -> Iterator[Finding]:
    instruments = json.loads(run["instruments"])
    marks = json.loads(run["marks"])
    holdings: dict[str, int] = defaultdict(int)
    equity = balance[f"assets:cash:{run['quote']}"]
    for one, mark, held in zip(instruments, marks, json.loads(run["holdings"]), strict=True):
        equity += mark * held // 10 ** one["price_decimals"]
        holdings[one["symbol"].split("/")[0]] += held
    if equity != run["equity_end"]:
        yield differs("equity at the end", equity, run["equity_end"])
    for base, held in holdings.items():
        if balance[f"assets:holding:{base}"] != held:
            yield differs(f"the holding of {base}", balance[f"assets:holding:{base}"], held)
