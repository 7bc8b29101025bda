"""Transactions with their fills and entries as rows: one way in, for a finished run and for a step of a session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.append import append, head_of, insert_rows, set_head
from trader_cli.ledger.chain import chain, transaction_bytes
from trader_cli.ledger.posting import Batch, post
from trader_cli.model.bars import Ints
from trader_cli.model.fills import RoundTrips


def write_transactions(connection: Connection, run: int, batch: Batch) -> int:
    """Write a batch's moves and fills with their entries; return the id of its first transaction.

    Its fills follow the moves before them, the moves after them are last.
    """
    count, head = head_of(connection, schema.transactions)
    first = count + 1
    fills = batch.fills
    before, after = len(batch.before), len(batch.after)
    total = before + len(fills) + after
    if total == 0:
        return first
    posting = post(batch)
    used, account = np.unique(posting.account, return_inverse=True)
    ids = np.array(_account_ids(connection, [posting.names[i] for i in used.tolist()]), np.int64)
    times = np.r_[[batch.time_ms] * before, fills.time_ms, [batch.time_ms] * after].astype(np.int64)
    begins = np.searchsorted(posting.txn, np.arange(total + 1))
    entries = np.column_stack(
        (posting.txn + first, np.arange(len(posting.txn)) - begins[posting.txn], ids[account], posting.amount)
    )
    decimals = np.array([one.price_decimals for one in batch.instruments], np.int64)[fills.symbol]
    numbers = (fills.side, fills.quantity, fills.price, decimals, fills.notional, fills.fee, fills.kind, fills.reason)
    details = np.column_stack(numbers).astype("<i8")
    heads = np.column_stack((np.arange(first, first + total), np.full(total, run), times)).astype("<i8")
    names = [fills.symbols[i] for i in fills.symbol.tolist()]
    symbols = [*[""] * before, *names, *[""] * after]
    kinds = [*(one.kind for one in batch.before), *["fill"] * len(fills), *(one.kind for one in batch.after)]
    links = chain(head, _contents(heads, kinds, symbols, details, entries.astype("<i8"), begins.tolist(), before))
    rows = [(*row, kind, link) for row, kind, link in zip(heads.tolist(), kinds, links, strict=True)]
    insert_rows(connection, schema.transactions, rows)
    insert_rows(connection, schema.entries, entries.tolist())
    filled = enumerate(zip(names, details.tolist(), strict=True), start=first + before)
    insert_rows(connection, schema.fills, [(number, symbol, *row) for number, (symbol, row) in filled])
    set_head(connection, schema.transactions, count + total, links[-1])
    return first


def write_trades(connection: Connection, run: int, trips: RoundTrips, first_fill: int) -> int:
    """Write round trips; first_fill: the transaction of the fill their last_fill counts from. Return the id of the first."""
    symbols = [trips.symbols[i] for i in trips.symbol.tolist()]
    columns = (trips.entry_ms, trips.exit_ms, trips.quantity, trips.bought, trips.sold, trips.fees, trips.pnl)
    more = (trips.reason, trips.bars, trips.last_fill + first_fill)
    rows = zip([run] * len(trips), symbols, *(column.tolist() for column in (*columns, *more)), strict=True)
    return append(connection, schema.trades, rows)


def _account_ids(connection: Connection, names: Sequence[tuple[str, str]]) -> list[int]:
    stored = connection.execute(select(schema.accounts.c.id, schema.accounts.c.name))
    known: dict[str, int] = {name: int(number) for number, name in stored}
    new = list(dict.fromkeys((name, asset) for name, asset in names if name not in known))
    first = append(connection, schema.accounts, new)
    known.update({name: first + i for i, (name, _) in enumerate(new)})
    return [known[name] for name, _ in names]


def _contents(
    heads: Ints, kinds: list[str], symbols: list[str], details: Ints, entries: Ints, begins: list[Any], before: int
) -> Iterator[bytes]:
    """Yield every transaction's canonical bytes, cut from the arrays' own memory; fills come after `before` moves."""
    head_bytes, detail_bytes, entry_bytes = heads.tobytes(), details.tobytes(), entries.tobytes()
    head_size, detail_size, entry_size = (8 * array.shape[1] for array in (heads, details, entries))
    count = len(details)
    for i, (kind, symbol) in enumerate(zip(kinds, symbols, strict=True)):
        fill = i - before
        yield transaction_bytes(
            head_bytes[i * head_size : (i + 1) * head_size],
            kind,
            symbol,
            detail_bytes[fill * detail_size : (fill + 1) * detail_size] if 0 <= fill < count else b"",
            entry_bytes[begins[i] * entry_size : begins[i + 1] * entry_size],
        )
