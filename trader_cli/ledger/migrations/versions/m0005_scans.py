"""Scans: what was looked at, who was left out by which number, what was wanted.

Only new tables, as before: rows that are there keep their bytes, so that their chains stay what they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TABLES = ("scans", "scan_left_out", "scan_signals")
_INDEXED = (
    ("scans_time", "scans", "time_ms"),
    ("scan_left_out_filter", "scan_left_out", "scan", "filter"),
    ("scan_signals_symbol", "scan_signals", "symbol"),
)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=False)


def _chain() -> sa.Column[bytes]:
    return sa.Column("chain", sa.LargeBinary(32), nullable=False)


def _text(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _int(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def _scan() -> sa.Column[int]:
    return sa.Column("scan", sa.BigInteger, sa.ForeignKey("scans.id"), nullable=False)


def upgrade() -> None:
    """Make the tables, their indices, and the triggers that refuse every change of a written row."""
    op.create_table(
        "scans",
        _id(),
        sa.Column("scan_id", sa.Text, nullable=False, unique=True),
        *_int("time_ms"),
        *_text("exchange", "timeframe", "universe", "strategies", "settings", "approved"),
        *_int("approved_count", "left_out_count", "signal_count", "act_count"),
        _chain(),
    )
    op.create_table(
        "scan_left_out",
        _id(),
        _scan(),
        *_text("symbol", "filter", "number", "limit_value", "unit", "message"),
        _chain(),
        sa.UniqueConstraint("scan", "symbol"),
    )
    op.create_table(
        "scan_signals",
        _id(),
        _scan(),
        *_int("rank"),
        *_text("symbol", "strategy", "state"),
        *_int("bar_ms"),
        *_text("figures"),
        _chain(),
        sa.UniqueConstraint("scan", "rank"),
    )
    for name, table, *columns in _INDEXED:
        op.create_index(name, table, columns)
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )
