"""Sessions: steps of accounts that are still traded, their orders and the venue's trades, who may trade, what was learned.

Only new tables, as before: rows that are there keep their bytes, so that their chains stay what they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TABLES = (
    *("sessions", "steps", "orders", "order_events", "venue_fills", "adjustments"),
    *("deployments", "armings", "cycles", "learned_minimums"),
)
_INDEXED = (
    ("orders_run", "orders", "run"),
    ("order_events_order_id", "order_events", "order_id"),
    ("order_events_closed", "order_events", "closed", "order_id"),
    ("order_events_venue_id", "order_events", "venue_id"),
    ("venue_fills_run", "venue_fills", "run"),
    ("venue_fills_order_id", "venue_fills", "order_id"),
    ("adjustments_run", "adjustments", "run"),
    ("cycles_run_id", "cycles", "run_id"),
    ("learned_minimums_venue", "learned_minimums", "venue"),
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False)


def _chain() -> sa.Column[bytes]:
    return sa.Column("chain", sa.LargeBinary(32), nullable=False)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _int(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _only(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, unique=True)


def _ref(name: str, target: str, *, nullable: bool = False, unique: bool = False) -> sa.Column[int]:
    # None, not False: a column that says it is not unique would be one that was asked.
    key = sa.ForeignKey(f"{target}.id")
    return sa.Column(name, sa.BigInteger, key, nullable=nullable, unique=unique or None)


def upgrade() -> None:
    """Make the tables, their indices, and the triggers that refuse every change of a written row."""
    _make_sessions()
    _make_orders()
    _make_rest()
    for name, table, *columns in _INDEXED:
        op.create_index(name, table, columns)
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )


def _make_sessions() -> None:
    op.create_table("sessions", _id(), _ref("run", "runs", unique=True), *_text("account", "outside"), _chain())
    op.create_table(
        "steps",
        _id(),
        _ref("run", "runs"),
        *_int("seq", "time_ms", "bar_ms"),
        *_text("symbols", "wallets", "instruments", "state", "notes"),
        *_int("cash", "equity", "fees"),
        *_text("holdings", "marks"),
        *_int("fill_count", "trade_count", "last_txn"),
        *_text("digest"),
        _chain(),
        sa.UniqueConstraint("run", "seq"),
    )


def _make_orders() -> None:
    op.create_table(
        "orders",
        _id(),
        _ref("run", "runs"),
        _only("key"),
        _only("client_id"),
        *_text("wallet", "symbol"),
        *_int("side"),
        *_text("kind", "purpose"),
        *_int("reason", "quantity", "price", "trigger_price", "price_decimals", "arrival"),
        *_int("bar_ms", "created_ms", "deadline_ms"),
        _chain(),
    )
    op.create_table(
        "order_events",
        _id(),
        _ref("order_id", "orders"),
        _ref("step", "steps", nullable=True),
        *_int("time_ms"),
        *_text("state", "venue_id"),
        *_int("filled", "booked", "closed"),
        *_text("message"),
        _chain(),
    )
    op.create_table(
        "venue_fills",
        _id(),
        _ref("run", "runs"),
        _ref("txn", "transactions", unique=True),
        _ref("order_id", "orders"),
        *_text("exchange", "account", "trade_id", "venue_id", "symbol"),
        *_int("side"),
        *_text("quantity", "price", "cost", "fee", "fee_asset"),
        *_int("time_ms"),
        sa.Column("maker", sa.BigInteger, nullable=True),
        _chain(),
        sa.UniqueConstraint("exchange", "account", "symbol", "trade_id"),
    )
    op.create_table(
        "adjustments",
        _id(),
        _ref("run", "runs"),
        _ref("step", "steps"),
        _ref("txn", "transactions", nullable=True),
        *_text("asset", "amount", "kind", "wallet", "reason"),
        _chain(),
    )


def _make_rest() -> None:
    op.create_table(
        "deployments",
        _id(),
        *_int("time_ms"),
        *_text("action", "strategy", "wallet", "params", "code_digest"),
        *_int("since_ms"),
        _chain(),
    )
    op.create_table(
        "armings",
        _id(),
        *_int("time_ms"),
        *_text("action", "venue", "account", "config_digest", "strategies_digest"),
        *_int("since_ms", "expires_ms"),
        *_text("summary", "reason"),
        _chain(),
    )
    op.create_table(
        "cycles",
        _id(),
        *_text("run_id"),
        *_int("started_ms", "ended_ms"),
        *_text("outcome"),
        *_int("exit_code"),
        *_text("message", "figures"),
        _chain(),
    )
    op.create_table(
        "learned_minimums", _id(), *_int("time_ms"), *_text("venue", "symbol", "minimum", "message"), _chain()
    )
