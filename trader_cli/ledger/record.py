"""A finished run as rows: the run, its transactions, round trips, wallets, strategies and what its rules did."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.posting import Batch, opening, owners_of
from trader_cli.ledger.transactions import write_trades, write_transactions
from trader_cli.model.instrument import Instrument
from trader_cli.model.risk import RiskEvent
from trader_cli.model.run import RunRecord

UNVALIDATED = "unvalidated"
"""What a row of `strategies` says of code that no complete validation judged."""


def write_run(connection: Connection, record: RunRecord) -> int:
    """Append everything a run leaves and return its row; the caller's transaction makes it all or nothing."""
    run = append(connection, schema.runs, [_run_row(record)])
    batch = batch_of(record)
    first = write_transactions(connection, run, batch) + len(batch.before)
    trades = write_trades(connection, run, record.round_trips, first)
    _write_wallets(connection, record, run)
    _write_strategies(connection, record, run, trades)
    append(connection, schema.risk_events, (risk_row(run, one) for one in record.risk_events))
    return run


def batch_of(record: RunRecord) -> Batch:
    """Return what a run posts: its opening with the transfers, then its fills."""
    return Batch(
        quote=record.quote,
        owners=owners_of([one.name for one in record.wallets]),
        instruments=record.instruments,
        time_ms=record.start_ms,
        fills=record.fills,
        trips=record.round_trips,
        before=opening(record.cash_start, record.quote, record.wallets),
    )


def risk_row(run: int | None, event: RiskEvent) -> tuple[Any, ...]:
    """Return a risk event as a row of its table, without id and chain; run None = outside of any run."""
    when = (event.time_ms, event.last_ms, event.count)
    what = (event.kind, event.wallet, event.strategy, event.symbol, event.rule)
    return (run, *when, *what, event.number, event.limit, event.unit, event.message)


def json_text(value: object) -> str:
    """Return a JSON-able value as the ledger keeps it: the same value, the same text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def instruments_text(instruments: Iterable[Instrument]) -> str:
    """Return instruments as the ledger keeps them."""
    return json_text(
        [
            {
                "symbol": one.symbol,
                "quote": one.quote,
                "price_decimals": one.price_decimals,
                "tick": str(one.tick),
                "lot": str(one.lot),
                "min_quantity": str(one.min_quantity),
                "min_notional": str(one.min_notional),
                "learned_minimum": str(one.learned_minimum),
                "described": one.described,
            }
            for one in instruments
        ]
    )


def _run_row(record: RunRecord) -> tuple[Any, ...]:
    texts = (record.run_id, record.mode, record.strategy, json_text(dict(record.params)), record.preset)
    more = (json_text(dict(record.config)), record.exchange, record.timeframe, record.quote)
    symbols = json_text([one.symbol for one in record.instruments])
    digests = (json_text(dict(record.data_digests)), record.code_digest, record.digest, json_text(dict(record.stats)))
    times = (record.started_ms, record.start_ms, record.end_ms, record.bars)
    money = (record.cash_start, record.cash_end, record.equity_end)
    ends = (json_text([int(one) for one in record.holdings]), json_text([int(one) for one in record.marks]))
    counts = (len(record.fills), len(record.round_trips))
    return (*texts, *more, symbols, instruments_text(record.instruments), *digests, *times, *money, *ends, *counts)


def strategy_rows(connection: Connection, pairs: Iterable[tuple[str, str]], time_ms: int) -> dict[tuple[str, str], int]:
    """Return the rows of strategies by name and code digest as nobody validated them, new ones where there are none.

    What validation found of them stands in rows of their own: which of those held when a run began is no part of the run.
    """
    t = schema.strategies
    stored = connection.execute(select(t.c.name, t.c.code_digest, t.c.id).where(t.c.validation == UNVALIDATED))
    known: dict[tuple[str, str], int] = {(name, digest): int(number) for name, digest, number in stored}
    new = [pair for pair in dict.fromkeys(pairs) if pair not in known]
    first = append(connection, t, [(*pair, UNVALIDATED, time_ms) for pair in new])
    known.update({pair: first + i for i, pair in enumerate(new)})
    return known


def _write_wallets(connection: Connection, record: RunRecord, run: int) -> None:
    rows = (
        (
            *(run, one.name, json_text(list(one.strategies))),
            *(one.share, one.cash_start, one.cash_end, one.equity_end, one.trades, one.pnl, one.halted),
        )
        for one in record.wallets
    )
    append(connection, schema.wallets, rows)


def _write_strategies(connection: Connection, record: RunRecord, run: int, trades: int) -> None:
    pairs = ((one.name, one.code_digest) for one in record.strategies)
    known = strategy_rows(connection, pairs, record.started_ms)
    done = [(run, known[one.name, one.code_digest], one.trades, one.pnl, one.fees) for one in record.strategies]
    append(connection, schema.strategy_performance, done)
    if len(record.wallets) > 1 or len(record.strategies) > 1:
        wallets, strategies = record.round_trips.wallet.tolist(), record.trip_strategies
        whose = zip(wallets, strategies, strict=True)
        rows = [(run, trades + i, record.wallets[w].name, record.strategies[s].name) for i, (w, s) in enumerate(whose)]
        append(connection, schema.trade_strategies, rows)
