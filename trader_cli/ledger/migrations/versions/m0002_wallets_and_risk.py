"""Wallets and risk: what each wallet began and ended with, whose each trade was, what the rules did, halts, swings.

Only new tables: rows that are there keep their bytes, so that their chains stay what they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_INDEXED = {
    "wallets": "run",
    "trade_strategies": "trade",
    "risk_events": "run",
    "halts": "scope",
    "fibonacci_levels": "key",
}


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False)


def _chain() -> sa.Column[bytes]:
    return sa.Column("chain", sa.LargeBinary(32), nullable=False)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _int(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _ref(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(f"{target}.id"), nullable=nullable)


def upgrade() -> None:
    """Make the tables, their indices, and the triggers that refuse every change of a written row."""
    op.create_table(
        "wallets",
        _id(),
        _ref("run", "runs"),
        *_text("name", "strategies"),
        *_int("share", "cash_start", "cash_end", "equity_end", "trades", "pnl"),
        *_text("halted"),
        _chain(),
    )
    op.create_table(
        "trade_strategies", _id(), _ref("run", "runs"), _ref("trade", "trades"), *_text("wallet", "strategy"), _chain()
    )
    op.create_table(
        "risk_events",
        _id(),
        _ref("run", "runs", nullable=True),
        *_int("time_ms", "last_ms", "count"),
        *_text("kind", "wallet", "strategy", "symbol", "rule", "number", "limit_value", "unit", "message"),
        _chain(),
    )
    op.create_table(
        "halts",
        _id(),
        *_int("time_ms"),
        *_text("scope", "action"),
        *_int("close_positions"),
        *_text("reason", "rule", "number", "limit_value", "unit"),
        _chain(),
    )
    op.create_table(
        "fibonacci_levels", _id(), *_text("key"), *_int("happened_ms", "known_ms"), *_text("price", "kind"), _chain()
    )
    for table, column in _INDEXED.items():
        op.create_index(f"{table}_{column}", table, [column])
    if op.get_bind().dialect.name == "sqlite":
        for table in _INDEXED:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )
