"""What a report of a stretch of time says, line by line."""

from __future__ import annotations

from dataclasses import dataclass

from trader_cli.stats.execution import Figures


@dataclass(frozen=True)
class Performance:
    """One session in the span. Amounts are exact decimal text in `quote`, times ISO 8601.

    begun: equity before the span, with what was adopted in it. result: equity less that. drawdown_pct: deepest fall from the
    highest equity of the span. trades, wins, pnl, fees: of round trips that closed in it; profit_factor infinite without a
    loss, NaN without a trade.
    """

    run_id: str
    mode: str
    exchange: str
    strategy: str
    state: str
    quote: str
    since: str
    until: str
    begun: str
    equity: str
    result: str
    result_pct: float
    drawdown_pct: float
    trades: int
    wins: int
    win_rate_pct: float
    profit_factor: float
    pnl: str
    fees: str


@dataclass(frozen=True)
class Day:
    """One UTC day of one session: the round trips that closed in it, and equity at its last cycle, "" where none ran."""

    day: str
    run_id: str
    mode: str
    quote: str
    trades: int
    wins: int
    pnl: str
    fees: str
    equity: str


@dataclass(frozen=True)
class WalletLine:
    """One wallet of an open session as it stands; trades and pnl are those of the span. halted: why it enters nothing."""

    run_id: str
    mode: str
    wallet: str
    strategies: str
    quote: str
    cash: str
    held: str
    equity: str
    trades: int
    pnl: str
    halted: str


@dataclass(frozen=True)
class StrategyLine:
    """What one strategy's round trips of the span brought, in one mode and currency."""

    strategy: str
    mode: str
    quote: str
    trades: int
    wins: int
    win_rate_pct: float
    pnl: str
    fees: str


@dataclass(frozen=True)
class EventLine:
    """What one rule did in the span: how often, and the last time in words."""

    kind: str
    rule: str
    wallet: str
    symbol: str
    times: int
    last: str
    message: str


@dataclass(frozen=True)
class HealthLine:
    """How fresh an open session's bars are, and how its cycles went. late_bars: closed bars it has not decided on by now.

    stale: more of them than `cycle.stale_bars`. failed: cycles of the span that ended in an error, trouble: the last one's.
    """

    run_id: str
    mode: str
    exchange: str
    timeframe: str
    bar: str
    late_bars: int
    stale: bool
    cycles: int
    failed: int
    slowest_s: float
    trouble: str


@dataclass(frozen=True)
class Recent:
    """The span and what happened in it. orders: how those sent to a venue fared."""

    since: str
    until: str
    performance: tuple[Performance, ...]
    days: tuple[Day, ...]
    wallets: tuple[WalletLine, ...]
    strategies: tuple[StrategyLine, ...]
    risk: tuple[EventLine, ...]
    orders: Figures
    health: tuple[HealthLine, ...]
