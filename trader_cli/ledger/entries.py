"""The entries of single transactions, as the chain behind an order ends in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from trader_cli.ledger import schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.ledger import Ledger


def entries_of(ledger: Ledger, transactions: Sequence[int]) -> list[dict[str, Any]]:
    """Return the entries of these transactions in their order: `txn`, `account`, `asset`, `amount` in 1e-8."""
    e, a = schema.entries, schema.accounts
    query = select(e.c.txn, a.c.name.label("account"), a.c.asset, e.c.amount).join_from(e, a, e.c.account == a.c.id)
    with reading(ledger.engine, ledger.path) as connection:
        found = connection.execute(query.where(e.c.txn.in_(transactions)).order_by(e.c.txn, e.c.line)).mappings()
        return [dict(row) for row in found]
