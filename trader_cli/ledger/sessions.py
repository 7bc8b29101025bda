"""Sessions as they are opened and read back: a run whose opening stands in `runs` and whose end is its newest step."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from sqlalchemy import Connection, RowMapping, Select, select

from trader_cli.errors import DataError
from trader_cli.ledger import schema
from trader_cli.ledger.append import append, head_of
from trader_cli.ledger.record import instruments_text, json_text, write_run
from trader_cli.ledger.rows import fill_columns, wallet_in, wallets_of
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.run import RunRecord
from trader_cli.model.session import Session, Step

FILL_COLUMNS = ("time_ms", "symbol", "side", "quantity", "price", "notional", "fee", "kind", "reason", "wallet")


def open_session(connection: Connection, session: Session, first: Step) -> None:
    """Write a session's run with opening and transfers, and its step 0."""
    cash = session.cash_start
    names = tuple(one.name for one in session.wallets)
    told = (
        first.seq,
        first.wallets,
        first.cash,
        first.equity,
        first.fill_count,
        first.trade_count,
        any(first.holdings),
    )
    if told != (0, names, cash, cash, 0, 0, False):
        raise DataError(
            f"the first step of `{session.run_id}` says {told}, it must be an opening with nothing but cash"
        )
    if len(first.symbols) != len(session.instruments):
        raise DataError(f"`{session.run_id}` has {len(session.instruments)} instruments, its step {len(first.symbols)}")
    run = write_run(connection, _opening(session, first))
    append(connection, schema.sessions, [(run, session.account, json_text(dict(session.outside)))])
    append_step(connection, run, first, session.instruments, 0)


def _opening(session: Session, first: Step) -> RunRecord:
    nothing = np.empty(0, np.int64)
    return RunRecord(
        run_id=session.run_id,
        mode=session.mode,
        strategy=session.strategy,
        params=session.params,
        preset=session.preset,
        config=session.config,
        exchange=session.exchange,
        timeframe=session.timeframe,
        quote=session.quote,
        instruments=session.instruments,
        bars=0,
        start_ms=session.started_ms,
        end_ms=session.started_ms,
        started_ms=session.started_ms,
        cash_start=session.cash_start,
        cash_end=session.cash_start,
        equity_end=session.cash_start,
        holdings=first.holdings,
        marks=first.marks,
        digest=first.digest,
        code_digest=session.code_digest,
        data_digests={},
        stats={},
        fills=Fills(first.symbols, *[nothing] * 10),
        round_trips=RoundTrips(first.symbols, *[nothing] * 12),
        wallets=session.wallets,
        strategies=(),
        trip_strategies=(),
        risk_events=(),
    )


def append_step(connection: Connection, run: int, step: Step, instruments: Iterable[Instrument], fees: int) -> int:
    """Append a step and return its row; fees: of all fills so far, 1e-8 quote. Its transactions must be written before."""
    last_txn, _ = head_of(connection, schema.transactions)
    state = base64.b64encode(zlib.compress(step.state, 1)).decode("ascii")
    texts = (json_text(list(step.symbols)), json_text(list(step.wallets)), instruments_text(instruments), state)
    ends = (json_text([int(one) for one in step.holdings]), json_text([int(one) for one in step.marks]))
    money = (int(step.cash), int(step.equity), int(fees))
    counts = (step.fill_count, step.trade_count, last_txn)
    times = (step.seq, step.time_ms, step.bar_ms)
    row = (run, *times, *texts, json_text(dict(step.notes)), *money, *ends, *counts, step.digest)
    return append(connection, schema.steps, [row])


def session_of(connection: Connection, mode: str, exchange: str, account: str) -> Session | None:
    """Return the newest session of exactly this mode, exchange and account."""
    r, s = schema.runs, schema.sessions
    query = _sessions().where(r.c.mode == mode, r.c.exchange == exchange, s.c.account == account)
    row = connection.execute(query.limit(1)).mappings().first()
    return None if row is None else _session(connection, row)


def all_sessions(connection: Connection) -> list[Session]:
    """Return every session, newest first."""
    return [_session(connection, row) for row in connection.execute(_sessions()).mappings()]


def _sessions() -> Select[Any]:
    r, s = schema.runs, schema.sessions
    return select(r, s.c.account, s.c.outside).join_from(s, r, s.c.run == r.c.id).order_by(r.c.id.desc())


def _session(connection: Connection, row: RowMapping) -> Session:
    plain = ("run_id", "mode", "exchange", "account", "strategy", "preset", "timeframe", "quote")
    return Session(
        **{name: row[name] for name in (*plain, "cash_start", "started_ms", "code_digest")},
        params=json.loads(row["params"]),
        config=json.loads(row["config"]),
        outside=json.loads(row["outside"]),
        instruments=instruments_of(row["instruments"]),
        wallets=tuple(wallets_of(connection, row["id"])),
    )


def instruments_of(text: str) -> tuple[Instrument, ...]:
    """Return instruments as they were written; what a run of an earlier release did not state is its default."""
    return tuple(_instrument(one) for one in json.loads(text))


def _instrument(one: Mapping[str, Any]) -> Instrument:
    steps = {name: Decimal(one[name]) for name in ("tick", "lot", "min_quantity", "min_notional")}
    learned = Decimal(one.get("learned_minimum", 0))
    described = bool(one.get("described", True))
    return Instrument(one["symbol"], **steps, quote_currency=one["quote"], described=described, learned_minimum=learned)


def run_row(connection: Connection, run_id: str) -> RowMapping:
    """Return a session's row of `runs` with its account. Raises DataError where there is no such session."""
    query = _sessions().where(schema.runs.c.run_id == run_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise DataError(f"there is no session `{run_id}`", "`trader report` lists the runs")
    return row


def newest_steps(connection: Connection, run: int, limit: int) -> list[RowMapping]:
    """Return the rows of a session's newest steps, the newest first."""
    t = schema.steps
    query = select(t).where(t.c.run == run).order_by(t.c.seq.desc()).limit(limit)
    return list(connection.execute(query).mappings())


def step_of(row: RowMapping) -> Step:
    """Return a step as the model knows it."""
    try:
        state = zlib.decompress(base64.b64decode(row["state"], validate=True))
    except (ValueError, zlib.error) as error:
        raise DataError(
            f"step {row['seq']} cannot be read: {error}", "`trader ledger verify` says what is wrong"
        ) from error
    names = ("seq", "time_ms", "bar_ms", "cash", "equity", "fill_count", "trade_count", "digest")
    values: dict[str, Any] = {name: row[name] for name in names}
    values |= {name: tuple(json.loads(row[name])) for name in ("symbols", "wallets", "holdings", "marks")}
    return Step(**values, state=state, notes=json.loads(row["notes"]))


def session_fills(connection: Connection, run_id: str) -> Fills:
    """Return all fills of a session in their order, indexing its newest step's symbols and wallets."""
    run = run_row(connection, run_id)["id"]
    last = newest_steps(connection, run, 1)[0]
    symbols: list[str] = json.loads(last["symbols"])
    wallets: list[str] = json.loads(last["wallets"])
    place = {name: i for i, name in enumerate(symbols)}
    owner = {name: i for i, name in enumerate(wallets)}
    accounts = connection.execute(select(schema.accounts.c.id, schema.accounts.c.name))
    wallet = {number: owner.get(wallet_in(name), 0) for number, name in accounts}
    columns = fill_columns(connection, run) or [()] * len(FILL_COLUMNS)
    columns[1] = tuple(place[name] for name in columns[1])
    columns[-1] = tuple(wallet[number] for number in columns[-1])
    arrays = (np.array(column, np.int64) for column in columns)
    return Fills(tuple(symbols), **dict(zip(FILL_COLUMNS, arrays, strict=True)))
