"""What a stretch of time brought, against numbers worked by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from report_books import HELD, HOUR, NOON, ONE, Shelf, risk_row, session, step, trip_row

from trader_cli.jobs.recent import Span, recent
from trader_cli.jobs.recent_lines import Recent
from trader_cli.model.risk import RiskEvent
from trader_cli.model.session import Adjustment, CycleRecord, Session, Step

DAY = 24 * HOUR
NOW = NOON + HOUR
WEEK = Span(NOW - 7 * DAY, NOW)


@dataclass
class Diary(Shelf):
    """The shelf with what rules did outside of backtests, newest first."""

    events: list[RiskEvent] = field(default_factory=list)

    def risk_events(self, limit: int) -> Sequence[RiskEvent]:
        return self.events[:limit]


def at(of_session: Session, seq: int, time_ms: int, equity: int, held: Any = None) -> Step:
    """Return the step of a cycle that ran then; its newest bar closed five seconds before."""
    return step(of_session, held, seq=seq, bar_ms=time_ms - HOUR - 5000, equity=equity * ONE)


def diary(*steps: Step, of_session: Session | None = None, **changed: Any) -> Diary:
    """Return a ledger of one session with these steps, oldest first."""
    mine = of_session or session()
    whole = Diary([mine], {mine.run_id: list(reversed(steps))})
    for name, value in changed.items():
        setattr(whole, name, value)
    return whole


def seen(ledger: Diary, span: Span = WEEK) -> Recent:
    def points(run_id: str, since_ms: int, by_bar: bool) -> list[Step]:
        steps = list(reversed(ledger.all_steps[run_id]))
        old = [one for one in steps if (one.bar_ms if by_bar else one.time_ms) < since_ms]
        return old[-1:] + steps[len(old) :]

    return recent(ledger, points, ledger.sessions(), span, NOW, 3)


MINE = session()
STEPS = (
    at(MINE, 0, NOON - 10 * DAY, 1000),
    at(MINE, 1, NOON - 8 * DAY, 1100),
    at(MINE, 2, NOON - 2 * DAY, 1200),
    at(MINE, 3, NOON - DAY, 900),
    at(MINE, 4, NOON, 1010),
)


@pytest.mark.req("R4.10")
def test_the_result_of_a_span_is_equity_now_less_equity_before_it() -> None:
    (one,) = seen(diary(*STEPS)).performance
    assert (one.begun, one.equity, one.result) == ("1100", "1010", "-90")
    assert one.result_pct == pytest.approx(-90 / 1100 * 100)
    # 1200 is the highest, 900 the lowest after it.
    assert one.drawdown_pct == pytest.approx(25)


def test_a_session_that_began_in_the_span_began_with_its_cash() -> None:
    (one,) = seen(diary(*STEPS), Span(NOW - 30 * DAY, NOW)).performance
    assert (one.begun, one.result) == ("1000", "10")


def test_money_that_was_adopted_in_the_span_is_nobodys_result() -> None:
    adopted = Adjustment("USD", "50", "adopt", "main", "a deposit")
    early = Adjustment("USD", "70", "adopt", "main", "long ago")
    ledger = diary(*STEPS, explained={MINE.run_id: [(NOON - 9 * DAY, early), (NOON - DAY, adopted)]})
    (one,) = seen(ledger).performance
    assert (one.begun, one.result) == ("1150", "-140")


def test_only_round_trips_that_closed_in_the_span_count() -> None:
    trades = [
        trip_row(exit_ms=NOON - 9 * DAY, pnl=500 * ONE),
        trip_row(exit_ms=NOON - DAY, pnl=6 * ONE),
        trip_row(exit_ms=NOON, pnl=-2 * ONE, strategy="demo_ma"),
        trip_row(exit_ms=NOON, pnl=-1 * ONE, strategy="demo_ma"),
    ]
    found = seen(diary(*STEPS, tables={("trades", MINE.run_id): trades}))
    (one,) = found.performance
    assert (one.trades, one.wins, one.pnl, one.fees, one.profit_factor) == (3, 1, "3", "3", 2.0)
    assert [(each.strategy, each.trades, each.pnl) for each in found.strategies] == [
        ("momentum", 1, "6"),
        ("demo_ma", 2, "-3"),
    ]


def test_without_a_loss_the_profit_factor_is_infinite_and_without_a_trade_it_is_nothing() -> None:
    (one,) = seen(diary(*STEPS)).performance
    assert math.isnan(one.profit_factor)
    assert math.isnan(one.win_rate_pct)
    (one,) = seen(diary(*STEPS, tables={("trades", MINE.run_id): [trip_row(exit_ms=NOON)]})).performance
    assert one.profit_factor == math.inf


@pytest.mark.req("R4.10")
def test_each_day_has_its_round_trips_and_its_last_equity() -> None:
    trades = [trip_row(exit_ms=NOON - DAY, pnl=6 * ONE), trip_row(exit_ms=NOON - 3 * DAY, pnl=-ONE)]
    days = seen(diary(*STEPS, tables={("trades", MINE.run_id): trades})).days
    assert [(one.day, one.trades, one.wins, one.pnl, one.equity) for one in days] == [
        ("2026-01-01", 0, 0, "0", "1010"),
        ("2025-12-31", 1, 1, "6", "900"),
        ("2025-12-30", 0, 0, "0", "1200"),
        ("2025-12-29", 1, 0, "-1", ""),
    ]


def test_days_and_strategies_add_up_to_the_span() -> None:
    trades = [trip_row(exit_ms=NOON - i * HOUR * 7, pnl=(i % 5 - 2) * ONE, strategy=f"s{i % 3}") for i in range(20)]
    found = seen(diary(*STEPS, tables={("trades", MINE.run_id): trades}))
    (one,) = found.performance
    for parts in (found.days, found.strategies, found.wallets):
        assert sum(int(each.pnl) for each in parts) == int(one.pnl)
        assert sum(each.trades for each in parts) == one.trades == 20


def test_a_wallet_is_its_cash_and_what_it_holds_at_the_last_price() -> None:
    mine = session(wallets={"core": ("momentum",), "edge": ("demo_ma",)})
    ledger = diary(
        at(mine, 0, NOON - DAY, 1000), at(mine, 1, NOON, 1110, {2: HELD}), of_session=mine,
        halts={"edge": replace(RiskHalt(), reason="by hand")},
    )  # fmt: skip
    core, edge = seen(ledger).wallets
    # Row 2 is the second wallet's first symbol: 1 BTC at 110.
    assert (core.wallet, core.cash, core.held, core.equity, core.halted) == ("core", "500", "0", "500", "")
    assert (edge.wallet, edge.cash, edge.held, edge.equity, edge.halted) == ("edge", "500", "110", "610", "by hand")


@dataclass(frozen=True)
class RiskHalt:
    since_ms: int = NOON
    reason: str = ""


def test_what_rules_did_is_told_by_rule_breakers_first() -> None:
    def event(kind: str, rule: str, **changed: Any) -> RiskEvent:
        return RiskEvent(**risk_row(kind, rule, **changed))

    events = [
        event("refusal", "no_cash", count=3, message="the newest", last_ms=NOON),
        event("refusal", "no_cash", count=4, message="older", last_ms=NOON - HOUR),
        event("breaker", "daily_loss", symbol="", message="lost enough"),
        event("refusal", "var", last_ms=NOON - 9 * DAY),
    ]
    first, second = seen(diary(*STEPS, events=events)).risk
    assert (first.rule, first.times, first.message) == ("daily_loss", 1, "lost enough")
    assert (second.rule, second.times, second.message, second.last) == (
        *("no_cash", 7, "the newest"),
        "2026-01-01T12:00:00Z",
    )


def test_bars_that_are_late_and_cycles_that_failed_are_told() -> None:
    cycles = [
        CycleRecord(MINE.run_id, NOON - 2000, NOON, "acted", 0, "", {}),
        CycleRecord("", NOON - 9000, NOON - 4000, "venue", 5, "kraken does not answer", {"mode": "live"}),
        CycleRecord("", NOON - 9000, NOON - 4000, "venue", 5, "of another mode", {"mode": "paper"}),
        CycleRecord(MINE.run_id, NOON - 9 * DAY, NOON - 9 * DAY, "venue", 5, "long ago", {}),
    ]
    old = at(MINE, 4, NOON - 3 * HOUR, 1010)
    (one,) = seen(diary(*STEPS[:4], old, all_cycles=cycles)).health
    # It closed five seconds before 09:00, and it is 13:00.
    assert (one.late_bars, one.stale) == (4, True)
    assert (one.cycles, one.failed, one.slowest_s, one.trouble) == (2, 1, 5.0, "kraken does not answer")


def test_a_session_on_stored_bars_has_the_last_days_of_its_own_clock() -> None:
    mine = replace(session("paper-1", "paper"), exchange="replay:bitfinex")
    long_ago = NOON - 900 * DAY
    steps = [replace(at(mine, i, long_ago + i * 2 * DAY, 1000 + i), time_ms=NOON) for i in range(1, 6)]
    trades = [trip_row(exit_ms=long_ago + 9 * DAY), trip_row(exit_ms=long_ago)]
    ledger = diary(replace(steps[0], seq=0, bar_ms=-1), *steps, of_session=mine, tables={("trades", "paper-1"): trades})
    found = seen(ledger)
    (one,) = found.performance
    # The bars of days 4 to 10 lie in its last seven days; day 2 stood before.
    assert (one.begun, one.equity, one.trades) == ("1001", "1005", 1)
    assert found.health[0].late_bars == 0


def test_a_session_that_ended_before_the_span_is_left_out() -> None:
    ended = session("live-0")
    ledger = diary(*STEPS)
    ledger.all_sessions.append(ended)
    ledger.all_steps[ended.run_id] = [at(ended, 1, NOON - 30 * DAY, 800), at(ended, 0, NOON - 40 * DAY, 1000)]
    found = seen(ledger)
    assert [one.run_id for one in found.performance] == [MINE.run_id]
    found = seen(ledger, Span(0, NOW))
    assert [(one.run_id, one.state) for one in found.performance] == [(MINE.run_id, "open"), ("live-0", "ended")]
    assert [one.run_id for one in found.wallets] == [MINE.run_id]
