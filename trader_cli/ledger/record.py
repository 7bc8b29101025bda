"""A finished run as rows: the run, its transactions, round trips, wallets, strategies and what its rules did."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.append import append, head_of, insert_rows, set_head
from trader_cli.ledger.chain import chain, transaction_bytes
from trader_cli.ledger.posting import post
from trader_cli.model.bars import Ints
from trader_cli.model.risk import RiskEvent
from trader_cli.model.run import RunRecord


def write_run(connection: Connection, record: RunRecord) -> None:
    """Append everything a run leaves; the caller's transaction makes it all or nothing."""
    run = append(connection, schema.runs, [_run_row(record)])
    first = _write_transactions(connection, record, run)
    trades = _write_trades(connection, record, run, first)
    _write_wallets(connection, record, run)
    _write_strategies(connection, record, run, trades)
    append(connection, schema.risk_events, (risk_row(run, one) for one in record.risk_events))


def risk_row(run: int | None, event: RiskEvent) -> tuple[Any, ...]:
    """Return a risk event as a row of its table, without id and chain; run None = outside of any run."""
    when = (event.time_ms, event.last_ms, event.count)
    what = (event.kind, event.wallet, event.strategy, event.symbol, event.rule)
    return (run, *when, *what, event.number, event.limit, event.unit, event.message)


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


def _account_ids(connection: Connection, names: Sequence[tuple[str, str]]) -> list[int]:
    stored = connection.execute(select(schema.accounts.c.id, schema.accounts.c.name))
    known: dict[str, int] = {name: int(number) for number, name in stored}
    new = list(dict.fromkeys((name, asset) for name, asset in names if name not in known))
    first = append(connection, schema.accounts, new)
    known.update({name: first + i for i, (name, _) in enumerate(new)})
    return [known[name] for name, _ in names]


def _write_transactions(connection: Connection, record: RunRecord, run: int) -> int:
    """Write the opening, the transfers and every fill with their entries; return the id of the first fill's transaction."""
    posting = post(record)
    ids = np.array(_account_ids(connection, posting.names), np.int64)
    fills = record.fills
    count, head = head_of(connection, schema.transactions)
    first = count + 1
    before = 1 + posting.transfers
    times = np.r_[[record.start_ms] * before, fills.time_ms]
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
    symbols = [*[""] * before, *(fills.symbols[i] for i in fills.symbol.tolist())]
    kinds = ["opening", *["transfer"] * posting.transfers, *["fill"] * len(fills)]
    links = chain(head, _contents(heads, kinds, symbols, details, entries.astype("<i8"), begins.tolist()))
    rows = [(*row, kind, link) for row, kind, link in zip(heads.tolist(), kinds, links, strict=True)]
    insert_rows(connection, schema.transactions, rows)
    insert_rows(connection, schema.entries, entries.tolist())
    filled = zip(range(first + before, first + total), symbols[before:], details.tolist(), strict=True)
    insert_rows(connection, schema.fills, [(number, symbol, *row) for number, symbol, row in filled])
    set_head(connection, schema.transactions, count + total, links[-1])
    return first + before


def _contents(
    heads: Ints, kinds: list[str], symbols: list[str], details: Ints, entries: Ints, begins: list[int]
) -> Iterator[bytes]:
    """Yield every transaction's canonical bytes, cut from the arrays' own memory; fills are the last of them."""
    head_bytes, detail_bytes, entry_bytes = heads.tobytes(), details.tobytes(), entries.tobytes()
    head_size, detail_size, entry_size = (8 * array.shape[1] for array in (heads, details, entries))
    before = len(heads) - len(details)
    for i, (kind, symbol) in enumerate(zip(kinds, symbols, strict=True)):
        fill = i - before
        yield transaction_bytes(
            head_bytes[i * head_size : (i + 1) * head_size],
            kind,
            symbol,
            detail_bytes[fill * detail_size : (fill + 1) * detail_size] if fill >= 0 else b"",
            entry_bytes[begins[i] * entry_size : begins[i + 1] * entry_size],
        )


def _write_trades(connection: Connection, record: RunRecord, run: int, first: int) -> int:
    """Write the round trips; return the id of the first."""
    trips = record.round_trips
    symbols = [trips.symbols[i] for i in trips.symbol.tolist()]
    columns = (trips.entry_ms, trips.exit_ms, trips.quantity, trips.bought, trips.sold, trips.fees, trips.pnl)
    more = (trips.reason, trips.bars, trips.last_fill + first)
    rows = zip([run] * len(trips), symbols, *(column.tolist() for column in (*columns, *more)), strict=True)
    return append(connection, schema.trades, rows)


def _write_wallets(connection: Connection, record: RunRecord, run: int) -> None:
    rows = (
        (
            *(run, one.name, _json(list(one.strategies))),
            *(one.share, one.cash_start, one.cash_end, one.equity_end, one.trades, one.pnl, one.halted),
        )
        for one in record.wallets
    )
    append(connection, schema.wallets, rows)


def _write_strategies(connection: Connection, record: RunRecord, run: int, trades: int) -> None:
    t = schema.strategies
    stored = connection.execute(select(t.c.name, t.c.code_digest, t.c.id))
    known: dict[tuple[str, str], int] = {(name, digest): int(number) for name, digest, number in stored}
    pairs = dict.fromkeys((one.name, one.code_digest) for one in record.strategies)
    new = [pair for pair in pairs if pair not in known]
    first = append(connection, t, [(*pair, "unvalidated", record.started_ms) for pair in new])
    known.update({pair: first + i for i, pair in enumerate(new)})
    done = [(run, known[one.name, one.code_digest], one.trades, one.pnl, one.fees) for one in record.strategies]
    append(connection, schema.strategy_performance, done)
    if len(record.wallets) > 1 or len(record.strategies) > 1:
        wallets, strategies = record.round_trips.wallet.tolist(), record.trip_strategies
        whose = zip(wallets, strategies, strict=True)
        rows = [(run, trades + i, record.wallets[w].name, record.strategies[s].name) for i, (w, s) in enumerate(whose)]
        append(connection, schema.trade_strategies, rows)
