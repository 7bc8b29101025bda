"""Research: searches with every set of parameters they tried, verdicts of validation, proposals.

Only new tables, as before: rows that are there keep their bytes, so that their chains stay what they were.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TABLES = ("sweeps", "trials", "sweep_ends", "verdicts", "proposals")
_INDEXED = (
    ("sweeps_key", "sweeps", "key"),
    ("sweeps_strategy", "sweeps", "strategy"),
    ("trials_params_key", "trials", "sweep", "problem", "params_key"),
    ("sweep_ends_sweep", "sweep_ends", "sweep"),
    ("verdicts_strategy", "verdicts", "strategy", "code_digest", "params_key"),
    ("verdicts_strategy_row", "verdicts", "strategy_row"),
    ("proposals_strategy", "proposals", "strategy"),
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


def _ref(name: str, target: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, sa.ForeignKey(f"{target}.id"), nullable=nullable)


def upgrade() -> None:
    """Make the tables, their indices, and the triggers that refuse every change of a written row."""
    _make_sweeps()
    _make_findings()
    for name, table, *columns in _INDEXED:
        op.create_index(name, table, columns)
    if op.get_bind().dialect.name == "sqlite":
        for table in _TABLES:
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
                )


def _make_sweeps() -> None:
    op.create_table(
        "sweeps",
        _id(),
        _only("sweep_id"),
        *_text("key", "strategy", "code_digest", "data_digests", "exchange", "timeframe", "symbols"),
        *_int("since_ms", "until_ms"),
        *_text("method"),
        *_int("seed"),
        *_text("objectives", "space", "settings"),
        *_int("total", "started_ms"),
        _chain(),
    )
    op.create_table(
        "trials",
        _id(),
        _ref("sweep", "sweeps"),
        *_int("number"),
        *_text("params", "params_key", "stats", "digest", "problem"),
        _chain(),
        sa.UniqueConstraint("sweep", "number"),
    )
    op.create_table("sweep_ends", _id(), _ref("sweep", "sweeps"), *_int("time_ms"), *_text("how"), _chain())


def _make_findings() -> None:
    op.create_table(
        "verdicts",
        _id(),
        _ref("strategy_row", "strategies"),
        *_text("strategy", "status"),
        *_int("complete"),
        *_text("params", "params_key", "code_digest", "data_digests"),
        *_text("exchange", "timeframe", "symbols"),
        *_int("since_ms", "until_ms", "time_ms", "seed", "trials"),
        *_text("checks", "settings"),
        _chain(),
    )
    op.create_table(
        "proposals",
        _id(),
        *_text("strategy", "regime", "current", "proposed", "symbols"),
        _ref("sweep", "sweeps", nullable=True),
        *_int("time_ms"),
        *_text("reason"),
        _chain(),
    )
