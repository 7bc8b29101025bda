"""The venue's trades and the explained differences of a session, as they are read back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.sessions import run_row
from trader_cli.model.session import Adjustment

_DECIMALS = ("quantity", "price", "cost", "fee")


def trade_ids(connection: Connection, run_id: str, symbol: str | None) -> set[str]:
    """Return the ids of the trades booked in a session, of one symbol where it is given."""
    f = schema.venue_fills
    query = select(f.c.trade_id).where(f.c.run == run_row(connection, run_id)["id"])
    return set(connection.execute(query if symbol is None else query.where(f.c.symbol == symbol)).scalars())


def venue_fills(connection: Connection, run_id: str) -> list[dict[str, Any]]:
    """Return the venue's trades with their orders and fills, in the order they were booked."""
    v, o, f = schema.venue_fills, schema.orders, schema.fills
    trade = [
        v.c[name] for name in ("trade_id", "venue_id", "symbol", "side", *_DECIMALS, "fee_asset", "time_ms", "maker")
    ]
    names = ("client_id", "wallet", "purpose", "kind", "reason", "arrival", "price_decimals")
    ours = [f.c[name].label(f"booked_{name}") for name in ("quantity", "price", "notional", "fee")]
    query = select(*trade, *(o.c[name] for name in names), v.c.txn, *ours).join_from(v, o, v.c.order_id == o.c.id)
    query = query.join(f, f.c.txn == v.c.txn).where(v.c.run == run_row(connection, run_id)["id"]).order_by(v.c.txn)
    found = []
    for row in connection.execute(query).mappings():
        exact = {name: Decimal(row[name]) for name in _DECIMALS}
        found.append({**row, **exact, "maker": None if row["maker"] is None else bool(row["maker"])})
    return found


def adjustments(connection: Connection, run_id: str) -> list[tuple[int, Adjustment]]:
    """Return a session's adjustments with the time of their step."""
    a, s = schema.adjustments, schema.steps
    query = select(s.c.time_ms, a).join_from(a, s, a.c.step == s.c.id)
    rows = connection.execute(query.where(a.c.run == run_row(connection, run_id)["id"]).order_by(a.c.id))
    return [(row.time_ms, Adjustment(row.asset, row.amount, row.kind, row.wallet, row.reason)) for row in rows]
