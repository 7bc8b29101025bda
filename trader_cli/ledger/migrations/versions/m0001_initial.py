"""The first schema: runs, accounts, transactions with entries and fills, trades, strategies, events; all append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_CHAINED = ("runs", "accounts", "transactions", "trades", "strategies", "strategy_performance", "system_events")


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False)


def _chain() -> sa.Column[bytes]:
    return sa.Column("chain", sa.LargeBinary(32), nullable=False)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _int(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _ref(name: str, target: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(f"{target}.id"), nullable=False)


def upgrade() -> None:
    """Make the tables, the indices, and the triggers that refuse every change of a written row."""
    op.create_table(
        "runs",
        _id(),
        sa.Column("run_id", sa.Text, nullable=False, unique=True),
        *_text("mode", "strategy", "params", "preset", "config", "exchange", "timeframe", "quote"),
        *_text("symbols", "instruments", "data_digests", "code_digest", "digest", "stats"),
        *_int("started_ms", "start_ms", "end_ms", "bars", "cash_start", "cash_end", "equity_end"),
        *_text("holdings", "marks"),
        *_int("fill_count", "trade_count"),
        _chain(),
    )
    op.create_table(
        "accounts", _id(), sa.Column("name", sa.Text, nullable=False, unique=True), *_text("asset"), _chain()
    )
    op.create_table("transactions", _id(), _ref("run", "runs"), *_int("time_ms"), *_text("kind"), _chain())
    op.create_table(
        "entries",
        sa.Column("txn", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("line", sa.BigInteger, primary_key=True, autoincrement=False),
        *_int("account", "amount"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "fills",
        sa.Column("txn", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False),
        *_text("symbol"),
        *_int("side", "quantity", "price", "price_decimals", "notional", "fee", "kind", "reason"),
    )
    op.create_table(
        "trades",
        _id(),
        _ref("run", "runs"),
        *_text("symbol"),
        *_int("entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars", "closing_txn"),
        _chain(),
    )
    op.create_table("strategies", _id(), *_text("name", "code_digest", "validation"), *_int("first_seen_ms"), _chain())
    op.create_table(
        "strategy_performance",
        _id(),
        _ref("run", "runs"),
        _ref("strategy", "strategies"),
        *_int("trades", "pnl", "fees"),
        _chain(),
    )
    op.create_table("system_events", _id(), *_int("time_ms"), *_text("kind", "message"), _chain())
    op.create_table(
        "chain_heads",
        sa.Column("name", sa.Text, primary_key=True),
        *_int("rows"),
        sa.Column("head", sa.LargeBinary(32), nullable=False),
    )
    op.create_index("runs_started", "runs", ["started_ms"])
    op.create_index("transactions_run", "transactions", ["run"])
    op.create_index("trades_run", "trades", ["run"])
    if op.get_bind().dialect.name == "sqlite":
        for table in (*_CHAINED, "entries", "fills"):
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )
