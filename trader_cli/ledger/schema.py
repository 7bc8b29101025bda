"""The ledger's tables as they are now. How they came to be is in migrations/."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

HEAD = "0005"
"""The newest migration; a test holds it against the migrations themselves, so that opening needs no Alembic."""

KNOWN = ("0001", "0002", "0003", "0004", HEAD)
"""Every schema this program ever wrote."""

metadata = MetaData()


def _chained(name: str, *columns: Column[object] | UniqueConstraint) -> Table:
    # chain: SHA-256 over the row and the chain of the row before.
    first = Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False)
    return Table(name, metadata, first, *columns, Column("chain", LargeBinary(32), nullable=False))


def _text(name: str) -> Column[object]:
    return Column(name, Text, nullable=False)


def _int(name: str) -> Column[object]:
    return Column(name, BigInteger, nullable=False)


def _ref(name: str, target: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, BigInteger, ForeignKey(f"{target}.id"), nullable=nullable)


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
# A session is a run that goes on: what stands in `runs` is its opening, what stands now is its newest step.
sessions = _chained(
    "sessions",
    Column("run", BigInteger, ForeignKey("runs.id"), nullable=False, unique=True),
    _text("account"),
    _text("outside"),
)
# last_txn: the newest transaction when the step was written: what a step says is what all up to there gives.
steps = _chained(
    "steps",
    _ref("run", "runs"),
    *(_int(name) for name in ("seq", "time_ms", "bar_ms")),
    *(_text(name) for name in ("symbols", "wallets", "instruments", "state", "notes")),
    *(_int(name) for name in ("cash", "equity", "fees")),
    *(_text(name) for name in ("holdings", "marks")),
    *(_int(name) for name in ("fill_count", "trade_count", "last_txn")),
    _text("digest"),
    UniqueConstraint("run", "seq"),
)
orders = _chained(
    "orders",
    _ref("run", "runs"),
    Column("key", Text, nullable=False, unique=True),
    Column("client_id", Text, nullable=False, unique=True),
    *(_text(name) for name in ("wallet", "symbol")),
    _int("side"),
    *(_text(name) for name in ("kind", "purpose")),
    *(_int(name) for name in ("reason", "quantity", "price", "trigger_price", "price_decimals", "arrival")),
    *(_int(name) for name in ("bar_ms", "created_ms", "deadline_ms")),
)
# step is NULL for what became known outside of one. closed: nothing is left to ask or to book.
order_events = _chained(
    "order_events",
    _ref("order_id", "orders"),
    _ref("step", "steps", nullable=True),
    _int("time_ms"),
    *(_text(name) for name in ("state", "venue_id")),
    *(_int(name) for name in ("filled", "booked", "closed")),
    _text("message"),
)
# exchange and account of the run stand here again: a venue's trade is booked once, whichever session it was for.
venue_fills = _chained(
    "venue_fills",
    _ref("run", "runs"),
    Column("txn", BigInteger, ForeignKey("transactions.id"), nullable=False, unique=True),
    _ref("order_id", "orders"),
    *(_text(name) for name in ("exchange", "account", "trade_id", "venue_id", "symbol")),
    _int("side"),
    *(_text(name) for name in ("quantity", "price", "cost", "fee", "fee_asset")),
    _int("time_ms"),
    Column("maker", BigInteger, nullable=True),
    UniqueConstraint("exchange", "account", "symbol", "trade_id"),
)
# txn is NULL where nothing of ours changed.
adjustments = _chained(
    "adjustments",
    _ref("run", "runs"),
    _ref("step", "steps"),
    _ref("txn", "transactions", nullable=True),
    *(_text(name) for name in ("asset", "amount", "kind", "wallet", "reason")),
)
deployments = _chained(
    "deployments",
    _int("time_ms"),
    *(_text(name) for name in ("action", "strategy", "wallet", "params", "code_digest")),
    _int("since_ms"),
)
armings = _chained(
    "armings",
    _int("time_ms"),
    *(_text(name) for name in ("action", "venue", "account", "config_digest", "strategies_digest")),
    *(_int(name) for name in ("since_ms", "expires_ms")),
    *(_text(name) for name in ("summary", "reason")),
)
# run_id is text: a cycle may end before there is a session.
cycles = _chained(
    "cycles",
    _text("run_id"),
    *(_int(name) for name in ("started_ms", "ended_ms")),
    _text("outcome"),
    _int("exit_code"),
    *(_text(name) for name in ("message", "figures")),
)
learned_minimums = _chained(
    "learned_minimums", _int("time_ms"), *(_text(name) for name in ("venue", "symbol", "minimum", "message"))
)
# What research tried and found. key: the same search has the same; params_key: the same set of parameters has the same.
sweeps = _chained(
    "sweeps",
    Column("sweep_id", Text, nullable=False, unique=True),
    *(_text(name) for name in ("key", "strategy", "code_digest", "data_digests", "exchange", "timeframe", "symbols")),
    *(_int(name) for name in ("since_ms", "until_ms")),
    _text("method"),
    _int("seed"),
    *(_text(name) for name in ("objectives", "space", "settings")),
    *(_int(name) for name in ("total", "started_ms")),
)
trials = _chained(
    "trials",
    _ref("sweep", "sweeps"),
    _int("number"),
    *(_text(name) for name in ("params", "params_key", "stats", "digest", "problem")),
    UniqueConstraint("sweep", "number"),
)
sweep_ends = _chained("sweep_ends", _ref("sweep", "sweeps"), _int("time_ms"), _text("how"))
# strategy_row says whether this code may trade for real; what it says follows from here.
verdicts = _chained(
    "verdicts",
    _ref("strategy_row", "strategies"),
    *(_text(name) for name in ("strategy", "status")),
    _int("complete"),
    *(_text(name) for name in ("params", "params_key", "code_digest", "data_digests")),
    *(_text(name) for name in ("exchange", "timeframe", "symbols")),
    *(_int(name) for name in ("since_ms", "until_ms", "time_ms", "seed", "trials")),
    *(_text(name) for name in ("checks", "settings")),
)
# sweep is NULL where no search stands behind it.
proposals = _chained(
    "proposals",
    *(_text(name) for name in ("strategy", "regime", "current", "proposed", "symbols")),
    _ref("sweep", "sweeps", nullable=True),
    _int("time_ms"),
    _text("reason"),
)
# What a scan looked at, whom it left out by which number, what was wanted. approved: the symbols, JSON; the counts follow.
scans = _chained(
    "scans",
    Column("scan_id", Text, nullable=False, unique=True),
    _int("time_ms"),
    *(_text(name) for name in ("exchange", "timeframe", "universe", "strategies", "settings", "approved")),
    *(_int(name) for name in ("approved_count", "left_out_count", "signal_count", "act_count")),
)
scan_left_out = _chained(
    "scan_left_out",
    _ref("scan", "scans"),
    *(_text(name) for name in ("symbol", "filter", "number", "limit_value", "unit", "message")),
    UniqueConstraint("scan", "symbol"),
)
scan_signals = _chained(
    "scan_signals",
    _ref("scan", "scans"),
    _int("rank"),
    *(_text(name) for name in ("symbol", "strategy", "state")),
    _int("bar_ms"),
    _text("figures"),
    UniqueConstraint("scan", "rank"),
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

Index("orders_run", orders.c.run)
Index("order_events_order_id", order_events.c.order_id)
Index("order_events_closed", order_events.c.closed, order_events.c.order_id)
Index("order_events_venue_id", order_events.c.venue_id)
Index("venue_fills_run", venue_fills.c.run)
Index("venue_fills_order_id", venue_fills.c.order_id)
Index("adjustments_run", adjustments.c.run)
Index("cycles_run_id", cycles.c.run_id)
Index("learned_minimums_venue", learned_minimums.c.venue)

Index("sweeps_key", sweeps.c.key)
Index("sweeps_strategy", sweeps.c.strategy)
Index("trials_params_key", trials.c.sweep, trials.c.problem, trials.c.params_key)
Index("sweep_ends_sweep", sweep_ends.c.sweep)
Index("verdicts_strategy", verdicts.c.strategy, verdicts.c.code_digest, verdicts.c.params_key)
Index("verdicts_strategy_row", verdicts.c.strategy_row)
Index("proposals_strategy", proposals.c.strategy)

Index("scans_time", scans.c.time_ms)
Index("scan_left_out_filter", scan_left_out.c.scan, scan_left_out.c.filter)
Index("scan_signals_symbol", scan_signals.c.symbol)

ADDED_0002 = (wallets, trade_strategies, risk_events, halts, fibonacci_levels)
ADDED_0003 = (
    *(sessions, steps, orders, order_events, venue_fills, adjustments),
    *(deployments, armings, cycles, learned_minimums),
)
ADDED_0004 = (sweeps, trials, sweep_ends, verdicts, proposals)
ADDED_0005 = (scans, scan_left_out, scan_signals)
_ADDED = {"0002": ADDED_0002, "0003": ADDED_0003, "0004": ADDED_0004, "0005": ADDED_0005}
CHAINED = (
    *(runs, accounts, transactions, trades, strategies, strategy_performance, system_events),
    *(*ADDED_0002, *ADDED_0003, *ADDED_0004, *ADDED_0005),
)
APPEND_ONLY = (*CHAINED, entries, fills)


def is_in(table: Table, version: str | None) -> bool:
    """Tell whether a ledger of this schema version has the table."""
    added = next((one for one, tables in _ADDED.items() if any(table is known for known in tables)), "0001")
    return added == "0001" or (version is not None and version >= added)
