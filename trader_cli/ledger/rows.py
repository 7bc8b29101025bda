"""A run's rows as they are read back: fills and round trips with whose they were, wallets, what the rules did."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, or_, select

from trader_cli.errors import UsageError
from trader_cli.ledger import schema
from trader_cli.model.risk import RiskEvent, WalletRecord

TABLES = ("fills", "trades", "wallets", "risk_events")


def rows(connection: Connection, table: str, run_id: str) -> list[dict[str, Any]]:
    """Return a run's rows of one of `TABLES`, in order, without ids of other tables and without chains."""
    run = connection.execute(select(schema.runs.c.id).where(schema.runs.c.run_id == run_id)).scalar()
    if run is None:
        return []
    if table == "fills":
        return _fills(connection, run)
    if table == "trades":
        return _trades(connection, run)
    if table == "wallets":
        return [asdict(one) for one in wallets_of(connection, run)]
    if table == "risk_events":
        r = schema.risk_events
        found = connection.execute(select(r).where(r.c.run == run).order_by(r.c.id))
        return [asdict(event_of(row)) for row in found]
    raise UsageError(f"no rows of `{table}` are read by run", f"there are {', '.join(TABLES)}")


def wallets_of(connection: Connection, run: int) -> list[WalletRecord]:
    """Return a run's wallets in their order; none for a run that was recorded before there were any."""
    t = schema.wallets
    return [
        WalletRecord(
            name=row.name,
            strategies=tuple(json.loads(row.strategies)),
            share=row.share,
            cash_start=row.cash_start,
            cash_end=row.cash_end,
            equity_end=row.equity_end,
            trades=row.trades,
            pnl=row.pnl,
            halted=row.halted,
        )
        for row in connection.execute(select(t).where(t.c.run == run).order_by(t.c.id))
    ]


def event_of(row: Row[Any]) -> RiskEvent:
    """Return a row of `risk_events` as the model knows it."""
    when = (row.time_ms, row.last_ms, row._mapping["count"])
    what = (row.kind, row.wallet, row.strategy, row.symbol, row.rule)
    return RiskEvent(*when, *what, row.number, row.limit_value, row.unit, row.message)


def newest_events(connection: Connection, limit: int) -> list[RiskEvent]:
    """Return the newest risk events outside of backtests and of sessions on stored bars, the newest first.

    What a replay refused happened to nobody.
    """
    t, r = schema.risk_events, schema.runs
    real = and_(r.c.mode != "backtest", r.c.exchange.not_like("replay:%"))
    query = select(t).outerjoin(r, t.c.run == r.c.id).where(or_(t.c.run.is_(None), real))
    return [event_of(row) for row in connection.execute(query.order_by(t.c.id.desc()).limit(limit))]


def fill_wallets(connection: Connection, run: int) -> dict[int, str]:
    """Return the wallet that paid by transaction, for runs with several; the first entry of a fill is its cash."""
    t, e, a = schema.transactions, schema.entries, schema.accounts
    query: Select[Any] = select(e.c.txn, a.c.name).join_from(e, t, e.c.txn == t.c.id).join(a, e.c.account == a.c.id)
    found = connection.execute(query.where(t.c.run == run, t.c.kind == "fill", e.c.line == 0))
    return {txn: wallet_in(name) for txn, name in found}


def fill_columns(connection: Connection, run: int) -> list[tuple[Any, ...]]:
    """Return a run's fills in order as columns, none where there is no fill; fast where there are many.

    (time_ms, symbol, side, quantity, price, notional, fee, kind, reason, cash account): the account is an id.
    """
    t, f, e = schema.transactions, schema.fills, schema.entries
    what = (t.c.time_ms, f.c.symbol, f.c.side, f.c.quantity, f.c.price, f.c.notional, f.c.fee, f.c.kind, f.c.reason)
    query = select(*what, e.c.account).join_from(t, f, f.c.txn == t.c.id)
    query = query.join(e, and_(e.c.txn == t.c.id, e.c.line == 0)).where(t.c.run == run).order_by(t.c.id)
    return list(zip(*connection.execute(query).all(), strict=True))


def wallet_in(account: str) -> str:
    """Return the wallet an account belongs to, "" for one that names none: `assets:cash:WALLET:QUOTE`."""
    parts = account.split(":")
    return parts[2] if len(parts) == 4 else ""


def _plain(row: Any) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("chain", "run")}


def _fills(connection: Connection, run: int) -> list[dict[str, Any]]:
    t, f = schema.transactions, schema.fills
    query = select(t.c.time_ms, f).join_from(f, t, f.c.txn == t.c.id).where(t.c.run == run).order_by(f.c.txn)
    found = [_plain(row) for row in connection.execute(query).mappings()]
    wallets = wallets_of(connection, run)
    alone = wallets[0].name if len(wallets) == 1 else ""
    paid = fill_wallets(connection, run) if len(wallets) > 1 else {}
    return [{**row, "wallet": paid.get(row["txn"], alone)} for row in found]


def _trades(connection: Connection, run: int) -> list[dict[str, Any]]:
    t, w = schema.trades, schema.trade_strategies
    query = select(t, w.c.wallet, w.c.strategy).outerjoin(w, w.c.trade == t.c.id).where(t.c.run == run)
    found = [_plain(row) for row in connection.execute(query.order_by(t.c.id)).mappings()]
    wallets = wallets_of(connection, run)
    alone = {
        "wallet": wallets[0].name if len(wallets) == 1 else "",
        "strategy": connection.execute(select(schema.runs.c.strategy).where(schema.runs.c.id == run)).scalar(),
    }
    return [row if row["wallet"] is not None else {**row, **alone} for row in found]
