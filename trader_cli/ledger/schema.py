"""The ledger's tables as they are now. How they came to be is in migrations/."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text

HEAD = "0002"
"""The newest migration; a test holds it against the migrations themselves, so that opening needs no Alembic."""

KNOWN = ("0001", HEAD)
"""Every schema this program ever wrote."""

metadata = MetaData()


def _chained(name: str, *columns: Column[object] | Index) -> Table:
    # chain: SHA-256 over the row and the chain of the row before.
    first = Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    return Table(name, metadata, first, *columns, Column("chain", LargeBinary(32), nullable=False))


def _text(name: str) -> Column[object]:
    return Column(name, Text, nullable=False)


def _int(name: str) -> Column[object]:
    return Column(name, BigInteger, nullable=False)


runs = _chained(
    "runs",
    Column("run_id", Text, nullable=False, unique=True),
    *(_text(name) for name in ("mode", "strategy", "params", "preset", "config", "exchange", "timeframe", "quote")),
    *(_text(name) for name in ("symbols", "instruments", "data_digests", "code_digest", "digest", "stats")),
    *(_int(name) for name in ("started_ms", "start_ms", "end_ms", "bars")),
    *(_int(name) for name in ("cash_start", "cash_end", "equity_end")),
    *(_text(name) for name in ("holdings", "marks")),
    *(_int(name) for name in ("fill_count", "trade_count")),
)
accounts = _chained("accounts", Column("name", Text, nullable=False, unique=True), _text("asset"))
transactions = _chained(
    "transactions", Column("run", BigInteger, ForeignKey("runs.id"), nullable=False), _int("time_ms"), _text("kind")
)
# Entries and fills carry no chain and no foreign keys of their own: their transaction's hash covers them, whole.
entries = Table(
    "entries",
    metadata,
    *(Column(name, BigInteger, primary_key=True, autoincrement=False) for name in ("txn", "line")),
    *(_int(name) for name in ("account", "amount")),
    sqlite_with_rowid=False,
)
fills = Table(
    "fills",
    metadata,
    Column("txn", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _text("symbol"),
    *(_int(name) for name in ("side", "quantity", "price", "price_decimals", "notional", "fee", "kind", "reason")),
)
trades = _chained(
    "trades",
    Column("run", BigInteger, ForeignKey("runs.id"), nullable=False),
    _text("symbol"),
    *(_int(name) for name in ("entry_ms", "exit_ms", "quantity", "bought", "sold", "fees", "pnl", "reason", "bars")),
    _int("closing_txn"),
)
strategies = _chained("strategies", _text("name"), _text("code_digest"), _text("validation"), _int("first_seen_ms"))
strategy_performance = _chained(
    "strategy_performance",
    Column("run", BigInteger, ForeignKey("runs.id"), nullable=False),
    Column("strategy", BigInteger, ForeignKey("strategies.id"), nullable=False),
    *(_int(name) for name in ("trades", "pnl", "fees")),
)
system_events = _chained("system_events", _int("time_ms"), _text("kind"), _text("message"))
wallets = _chained(
    "wallets",
    Column("run", BigInteger, ForeignKey("runs.id"), nullable=False),
    *(_text(name) for name in ("name", "strategies")),
    *(_int(name) for name in ("share", "cash_start", "cash_end", "equity_end", "trades", "pnl")),
    _text("halted"),
)
# Only where a run has several wallets or strategies: elsewhere the run itself says whose every trade was.
trade_strategies = _chained(
    "trade_strategies",
    Column("run", BigInteger, ForeignKey("runs.id"), nullable=False),
    Column("trade", BigInteger, ForeignKey("trades.id"), nullable=False),
    *(_text(name) for name in ("wallet", "strategy")),
)
# run is NULL for what happened outside of any run: a halt by hand, a breaker between two cycles.
risk_events = _chained(
    "risk_events",
    Column("run", BigInteger, ForeignKey("runs.id"), nullable=True),
    *(_int(name) for name in ("time_ms", "last_ms", "count")),
    *(_text(name) for name in ("kind", "wallet", "strategy", "symbol", "rule")),
    *(_text(name) for name in ("number", "limit_value", "unit", "message")),
)
halts = _chained(
    "halts",
    _int("time_ms"),
    *(_text(name) for name in ("scope", "action")),
    _int("close_positions"),
    *(_text(name) for name in ("reason", "rule", "number", "limit_value", "unit")),
)
fibonacci_levels = _chained(
    "fibonacci_levels",
    _text("key"),
    *(_int(name) for name in ("happened_ms", "known_ms")),
    *(_text(name) for name in ("price", "kind")),
)
heads = Table(
    "chain_heads",
    metadata,
    Column("name", Text, primary_key=True),
    _int("rows"),
    Column("head", LargeBinary(32), nullable=False),
)
Index("runs_started", runs.c.started_ms)
Index("transactions_run", transactions.c.run)
Index("trades_run", trades.c.run)
Index("wallets_run", wallets.c.run)
Index("trade_strategies_trade", trade_strategies.c.trade)
Index("risk_events_run", risk_events.c.run)
Index("halts_scope", halts.c.scope)
Index("fibonacci_levels_key", fibonacci_levels.c.key)

ADDED_0002 = (wallets, trade_strategies, risk_events, halts, fibonacci_levels)
CHAINED = (runs, accounts, transactions, trades, strategies, strategy_performance, system_events, *ADDED_0002)
APPEND_ONLY = (*CHAINED, entries, fills)


def is_in(table: Table, version: str | None) -> bool:
    """Tell whether a ledger of this schema version has the table."""
    return table not in ADDED_0002 or (version is not None and version >= "0002")
