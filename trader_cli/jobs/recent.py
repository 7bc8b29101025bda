"""What a stretch of time brought: results, days, wallets, strategies, what the rules did, orders, cycles; from the ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from trader_cli.engine.snapshot import unpack
from trader_cli.engine.state import CASH, QUANTITY
from trader_cli.jobs.measures import heartbeats, tripped
from trader_cli.jobs.page_ledger import Point
from trader_cli.jobs.recent_lines import Day, EventLine, HealthLine, Performance, Recent, StrategyLine, WalletLine
from trader_cli.jobs.report import adopted, decimals_of, exact, open_sessions, time_text
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.report_orders import sent_orders
from trader_cli.jobs.summary import iso
from trader_cli.model.risk import ALL, RiskEvent
from trader_cli.model.session import Session, Step
from trader_cli.model.timeframe import DAY_MS, Timeframe
from trader_cli.stats.execution import figures

NAN = float("nan")
_MOST_EVENTS = 1000
_MOST_CYCLES = 5000
STORED = "replay:"


class RecentLedger(ReportLedger, Protocol):
    """What this reads beside what other reports do."""

    def risk_events(self, limit: int) -> Sequence[RiskEvent]:
        """Return the newest risk events outside of backtests, newest first."""
        ...


@dataclass(frozen=True)
class Span:
    """The time that is looked at, [since, until), ms UTC; a session on stored bars has its own, which ends with its bars."""

    since_ms: int
    until_ms: int

    def of(self, session: Session, last: Step) -> Span:
        """Return the span of a session: of stored bars, as long a one that ends with the newest of them."""
        if not session.exchange.startswith(STORED) or last.bar_ms < 0:
            return self
        end = last.bar_ms + Timeframe.parse(session.timeframe).ms
        return Span(end + 1 - (self.until_ms - self.since_ms), end + 1)

    def holds(self, time_ms: int) -> bool:
        """Tell whether a time lies in it."""
        return self.since_ms <= time_ms < self.until_ms


@dataclass(frozen=True)
class _Seen:
    """One session with what the ledger has of it in its span. before: its newest point before the span, the first if
    none; last: its newest step of all."""

    session: Session
    span: Span
    last: Step
    before: Point
    steps: Sequence[Point]
    trips: Sequence[Mapping[str, Any]]
    is_open: bool

    @property
    def equity(self) -> int:
        """At the end of the span."""
        return self.steps[-1].equity if self.steps else self.before.equity


Points = Callable[[str, int, bool], Sequence[Point]]


def recent(
    ledger: RecentLedger, points: Points, sessions: Sequence[Session], span: Span, now_ms: int, stale_bars: int
) -> Recent:
    """Return what the sessions did in a span; those that did nothing in it, and do not go on, are left out.

    points: the account of a session (its id) from a moment on (ms UTC), oldest first, before them the newest that is older; the
    moment is of bars' opens where the third is true.
    """
    going_on = {one.run_id for one in open_sessions(ledger.sessions())}
    seen = [one for session in sessions if (one := _look(ledger, points, session, span, session.run_id in going_on))]
    known = {one.session.run_id for one in seen}
    orders = [
        one
        for each in seen
        for one in sent_orders(ledger, each.session)
        if each.span.holds(one.order.ticket.created_ms)
    ]
    events = (one for one in ledger.risk_events(_MOST_EVENTS) if span.holds(one.last_ms))
    stored = [
        RiskEvent(**row)
        for each in seen
        if each.session.exchange.startswith(STORED)
        for row in ledger.rows("risk_events", each.session.run_id)
        if each.span.holds(row["last_ms"])
    ]
    return Recent(
        since=iso(span.since_ms),
        until=iso(span.until_ms),
        performance=tuple(_performance(ledger, one) for one in seen),
        days=tuple(day for one in seen for day in _days(one)),
        wallets=tuple(line for one in seen if one.is_open for line in _wallets(ledger, one)),
        strategies=_strategies(seen),
        risk=_risk([*events, *stored] if known or not sessions else []),
        orders=figures(orders),
        health=tuple(_health(ledger, one, now_ms, stale_bars) for one in seen if one.is_open),
    )


def _look(ledger: RecentLedger, points: Points, session: Session, span: Span, is_open: bool) -> _Seen | None:
    last = ledger.last_step(session.run_id)
    mine, stored = span.of(session, last), session.exchange.startswith(STORED)
    since = mine.since_ms - Timeframe.parse(session.timeframe).ms if stored else mine.since_ms
    clock = _clock(session)
    found = points(session.run_id, since, stored)
    inside = [one for one in found if mine.holds(clock(one)) and one.seq]
    before = next((one for one in reversed(found) if clock(one) < mine.since_ms), found[0])
    trips = [one for one in ledger.rows("trades", session.run_id) if mine.holds(one["exit_ms"])]
    return _Seen(session, mine, last, before, inside, trips, is_open) if inside or trips or is_open else None


def _clock(session: Session) -> Any:
    """Return how to tell when a step was: by its bar's close where bars are stored ones, else by the clock."""
    if not session.exchange.startswith(STORED):
        return lambda step: step.time_ms
    length = Timeframe.parse(session.timeframe).ms
    return lambda step: step.bar_ms + length if step.bar_ms >= 0 else 0


def _performance(ledger: RecentLedger, one: _Seen) -> Performance:
    session = one.session
    begun = one.before.equity + adopted(ledger, session, one.last, one.before.time_ms)
    result = one.equity - begun
    pnl, fees, wins, _ = _sums(one.trips)
    won = sum(int(trip["pnl"]) for trip in one.trips if trip["pnl"] > 0)
    lost = won - pnl
    return Performance(
        run_id=session.run_id,
        mode=session.mode,
        exchange=session.exchange,
        strategy=session.strategy,
        state="open" if one.is_open else "ended",
        quote=session.quote,
        since=iso(max(one.span.since_ms, session.started_ms)),
        until=iso(one.span.until_ms),
        begun=exact(begun),
        equity=exact(one.equity),
        result=exact(result),
        result_pct=result / begun * 100 if begun > 0 else NAN,
        drawdown_pct=_fall([begun, *(step.equity for step in one.steps)]),
        trades=len(one.trips),
        wins=wins,
        win_rate_pct=_rate(wins, len(one.trips)),
        profit_factor=won / lost if lost else (float("inf") if won else NAN),
        pnl=exact(pnl),
        fees=exact(fees),
    )


def _fall(values: Iterable[int]) -> float:
    """Return the deepest fall from the highest so far, in percent."""
    peak, deepest = 0, 0.0
    for value in values:
        peak = max(peak, value)
        if peak > 0:
            deepest = max(deepest, (peak - value) / peak * 100)
    return deepest


def _sums(trips: Sequence[Mapping[str, Any]]) -> tuple[int, int, int, int]:
    """Return (pnl, fees, wins, count) of round trips."""
    pnl = [int(one["pnl"]) for one in trips]
    return sum(pnl), sum(int(one["fees"]) for one in trips), sum(one > 0 for one in pnl), len(trips)


def _rate(part: int, whole: int) -> float:
    return part / whole * 100 if whole else NAN


def _days(one: _Seen) -> list[Day]:
    """Return the days on which something closed or a cycle ran, newest first."""
    clock = _clock(one.session)
    # A bar that closes at midnight belongs to the day it ends.
    early = 1 if one.session.exchange.startswith(STORED) else 0
    ends = {(clock(step) - early) // DAY_MS: step.equity for step in one.steps}
    closed: dict[int, list[Mapping[str, Any]]] = {}
    for trip in one.trips:
        closed.setdefault(int(trip["exit_ms"]) // DAY_MS, []).append(trip)
    found = []
    for day in sorted({*ends, *closed}, reverse=True):
        pnl, fees, wins, count = _sums(closed.get(day, ()))
        equity = exact(ends[day]) if day in ends else ""
        of = (one.session.run_id, one.session.mode, one.session.quote)
        found.append(Day(iso(day * DAY_MS)[:10], *of, count, wins, exact(pnl), exact(fees), equity))
    return found


def _wallets(ledger: RecentLedger, one: _Seen) -> list[WalletLine]:
    session, step = one.session, one.last
    book = unpack(step.state, step.symbols, step.wallets, step.symbols, step.wallets)
    decimals = decimals_of(ledger, session, step.symbols)
    halted = {scope: halt.reason for scope, halt in ledger.halted().items()}
    halted |= {scope: rule.replace("_", " ") for scope, rule in tripped(step) if scope not in halted}
    strategies = {wallet.name: wallet.strategies for wallet in session.wallets}
    found = []
    for w, name in enumerate(step.wallets):
        cash = int(book.wallet[w, CASH])
        first = w * len(step.symbols)
        held = sum(
            int(book.position[first + s, QUANTITY]) * step.marks[s] // 10 ** decimals.get(symbol, 8)
            for s, symbol in enumerate(step.symbols)
        )
        pnl, _, _, count = _sums([trip for trip in one.trips if trip["wallet"] == name])
        found.append(
            WalletLine(
                run_id=session.run_id,
                mode=session.mode,
                wallet=name,
                strategies=",".join(strategies.get(name, ())),
                quote=session.quote,
                cash=exact(cash),
                held=exact(held),
                equity=exact(cash + held),
                trades=count,
                pnl=exact(pnl),
                halted=halted.get(ALL) or halted.get(name, ""),
            )
        )
    return found


def _strategies(seen: Sequence[_Seen]) -> tuple[StrategyLine, ...]:
    mine: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in seen:
        for trip in one.trips:
            mine.setdefault((str(trip["strategy"]), one.session.mode, one.session.quote), []).append(trip)
    found = []
    for (name, mode, quote), trips in mine.items():
        pnl, fees, wins, count = _sums(trips)
        found.append((pnl, StrategyLine(name, mode, quote, count, wins, _rate(wins, count), exact(pnl), exact(fees))))
    return tuple(line for _, line in sorted(found, key=lambda pair: (-pair[0], pair[1].strategy)))


def _risk(events: Iterable[RiskEvent]) -> tuple[EventLine, ...]:
    """Return what each rule did, breakers and halts before refusals, of these the most frequent first."""
    mine: dict[tuple[str, str, str, str], list[RiskEvent]] = {}
    for one in events:
        mine.setdefault((one.kind, one.rule, one.wallet, one.symbol), []).append(one)
    lines = []
    for (kind, rule, wallet, symbol), those in mine.items():
        last = max(those, key=lambda one: one.last_ms)
        times = sum(one.count for one in those)
        lines.append(EventLine(kind, rule, wallet, symbol, times, time_text(last.last_ms), last.message))
    return tuple(sorted(lines, key=lambda one: (one.kind in ("refusal", "conflict"), -one.times, one.rule, one.symbol)))


def _health(ledger: RecentLedger, one: _Seen, now_ms: int, stale_bars: int) -> HealthLine:
    session, last = one.session, one.last
    length = Timeframe.parse(session.timeframe).ms
    close = last.bar_ms + length if last.bar_ms >= 0 else 0
    stored = session.exchange.startswith(STORED)
    late = max(now_ms - close, 0) // length if close and not stored else 0
    cycles = [cycle for cycle in heartbeats(ledger, session, _MOST_CYCLES) if stored or one.span.holds(cycle.ended_ms)]
    failed = [cycle for cycle in cycles if cycle.exit_code]
    return HealthLine(
        run_id=session.run_id,
        mode=session.mode,
        exchange=session.exchange,
        timeframe=session.timeframe,
        bar=time_text(close),
        late_bars=late,
        stale=late > stale_bars,
        cycles=len(cycles),
        failed=len(failed),
        slowest_s=max(((cycle.ended_ms - cycle.started_ms) / 1000 for cycle in cycles), default=NAN),
        trouble=failed[0].message if failed else "",
    )
