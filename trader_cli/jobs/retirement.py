"""All strategies side by side, and those that no longer earn their keep, with the evidence (R3.8).

What a strategy traded counts by its closed round trips, each after its costs, against the cash of the wallets it trades in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from trader_cli.errors import StrategyError, did_you_mean
from trader_cli.jobs.deployed import REPLAY
from trader_cli.jobs.gate import VOID, Standing
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.summary import iso
from trader_cli.model.evidence import Status
from trader_cli.model.session import Deployment, Session
from trader_cli.model.timeframe import Timeframe
from trader_cli.stats.performance import max_drawdown, sharpe

NAN = float("nan")
SOURCES = ("live", "paper", "replay", "backtest")
"""live, paper: at a venue, over the last days that are judged. replay: paper on stored bars. backtest: the newest."""
_DAY_MS = 86_400_000
_DAYS_A_YEAR = 365.0


@dataclass(frozen=True)
class Result:
    """What a strategy brought in one of SOURCES. Percents are of the cash it traded with, after costs; NaN = not defined.

    trades: closed round trips. days: it was judged over. hold_pct: of buy-and-hold of the same symbols over the same time.
    """

    source: str
    run_id: str
    since: str
    until: str
    days: float
    trades: int
    return_pct: float
    hold_pct: float
    sharpe: float
    drawdown_pct: float


@dataclass(frozen=True)
class Drifted:
    """What the drift of a strategy's newest session is. verdict: as `report drift` says it."""

    run_id: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class StrategyLine:
    """One strategy. age_days: since it was deployed, NaN = it is not. retire: why it no longer earns its keep, none = it
    does, or trades nowhere.
    """

    strategy: str
    deployed: bool
    age_days: float
    results: tuple[Result, ...]
    verdict: str
    verdict_reason: str
    drift: Drifted | None
    retire: tuple[str, ...]


@dataclass(frozen=True)
class Limits:
    """Section `insight`: over how many days a strategy is judged, and by how many closed round trips at least."""

    days: int
    trades: int


class Backtest(Protocol):
    """A backtest as the ledger lists it."""

    @property
    def run_id(self) -> str:
        """Its id."""
        ...

    @property
    def start_ms(self) -> int:
        """Open of its first bar, ms UTC."""
        ...

    @property
    def end_ms(self) -> int:
        """Close of its last bar, ms UTC."""
        ...

    @property
    def stats(self) -> Mapping[str, Any]:
        """Its figures by the names of `backtest --json`."""
        ...


Hold = Callable[[Session, int, int], float]
"""Gives what buying and holding a session's symbols brought between two moments (ms UTC), in percent; NaN = not known."""


@dataclass(frozen=True)
class Known:
    """What is known of strategies beside sessions: backtests, verdicts and drifts by name."""

    deployments: Mapping[str, Deployment]
    backtests: Mapping[str, Backtest] = field(default_factory=dict)
    standings: Mapping[str, Standing] = field(default_factory=dict)
    drifts: Mapping[str, Drifted] = field(default_factory=dict)


def chosen(names: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the strategies that are meant, all for none; raises StrategyError with the nearest for an unknown one."""
    for name in names:
        if name not in known:
            there = (
                f"the ledger knows {', '.join(f'`{one}`' for one in known)}" if known else "the ledger knows none yet"
            )
            raise StrategyError(
                f"no strategy `{name}` was deployed, tried or traded", *did_you_mean(name, known), there
            )
    return list(names) or list(known)


def traders_of(session: Session) -> tuple[str, ...]:
    """Return the strategies of a session, each once."""
    return tuple(dict.fromkeys(name for wallet in session.wallets for name in wallet.strategies))


def source_of(session: Session) -> str:
    """Return which of SOURCES a session is."""
    return "replay" if session.exchange.startswith(REPLAY) else session.mode


def strategy_line(
    ledger: ReportLedger, name: str, known: Known, hold: Hold, limits: Limits, now_ms: int
) -> StrategyLine:
    """Return one strategy with what it brought, and why it no longer earns its keep where it does not."""
    sessions = [one for one in ledger.sessions() if name in traders_of(one)]
    results = []
    for source in SOURCES[:3]:
        found = _traded(ledger, [one for one in sessions if source_of(one) == source], name, hold, limits, now_ms)
        if found is not None:
            results.append(found)
    if name in known.backtests:
        results.append(_backtested(known.backtests[name]))
    standing = known.standings[name]
    deployment = known.deployments.get(name)
    line = StrategyLine(
        strategy=name,
        deployed=deployment is not None,
        age_days=NAN if deployment is None else max(now_ms - deployment.since_ms, 0) / _DAY_MS,
        results=tuple(results),
        verdict=standing.status,
        verdict_reason=standing.reason,
        drift=known.drifts.get(name),
        retire=(),
    )
    # Only what may trade can be retired.
    return line if deployment is None else _judged(line, limits)


def _judged(line: StrategyLine, limits: Limits) -> StrategyLine:
    evidence = [said for one in line.results if one.source in ("live", "paper") for said in _losses(one, limits)]
    if line.drift is not None and line.drift.verdict == "over":
        evidence.append(f"drift: {line.drift.reason} (session {line.drift.run_id})")
    if line.verdict == Status.FAIL:
        evidence.append(f"validation: it {line.verdict_reason}")
    elif line.verdict == VOID:
        evidence.append(f"validation is void: it {line.verdict_reason}")
    return StrategyLine(**{**vars(line), "retire": tuple(evidence)})


def _losses(one: Result, limits: Limits) -> list[str]:
    """Return what speaks against a result, none where there is too little of it."""
    if one.days < limits.days or one.trades < limits.trades:
        return []
    over = f"over {one.days:.0f} days with {one.trades} trades"
    if one.return_pct < 0:
        return [f"{one.source}: {one.return_pct:+.2f} % after costs {over}"]
    if one.return_pct < one.hold_pct:
        return [f"{one.source}: {one.return_pct:+.2f} % after costs, buy-and-hold {one.hold_pct:+.2f} %, {over}"]
    return []


def _traded(
    ledger: ReportLedger, sessions: Sequence[Session], name: str, hold: Hold, limits: Limits, now_ms: int
) -> Result | None:
    """Return what a strategy brought in sessions of one source, newest first, of the newest one's currency."""
    if not sessions:
        return None
    newest = sessions[0]
    source = source_of(newest)
    if source == "replay":
        # Its days are those of its data, and another replay is another question.
        until = _end(ledger, newest)
        mine, since = [newest], _start(ledger, newest)
    else:
        until = now_ms
        window = now_ms - limits.days * _DAY_MS
        mine = [one for one in sessions if one.quote == newest.quote]
        since = max(window, min(one.started_ms for one in mine))
    own = sum(wallet.cash_start for wallet in newest.wallets if name in wallet.strategies)
    trips = [
        (int(row["exit_ms"]), int(row["pnl"]))
        for one in mine
        for row in ledger.rows("trades", one.run_id)
        if row["strategy"] == name and since <= row["exit_ms"] <= until
    ]
    days = max((until - since) / _DAY_MS, 0.0)
    daily = np.zeros(max(int(np.ceil(days)), 1))
    for exit_ms, pnl in trips:
        daily[min(int((exit_ms - since) // _DAY_MS), len(daily) - 1)] += pnl
    curve = 1.0 + np.concatenate(([0.0], np.cumsum(daily))) / own if own else np.ones(len(daily) + 1)
    sure = len(daily) > 1 and bool(np.all(curve > 0))
    return Result(
        source=source,
        run_id=newest.run_id,
        since=iso(since),
        until=iso(until),
        days=days,
        trades=len(trips),
        return_pct=sum(pnl for _, pnl in trips) / own * 100 if own else NAN,
        hold_pct=hold(newest, since, until),
        sharpe=sharpe(np.diff(curve) / curve[:-1], _DAYS_A_YEAR) if sure and trips else NAN,
        drawdown_pct=max_drawdown(curve) * 100 if sure else NAN,
    )


def _start(ledger: ReportLedger, session: Session) -> int:
    bars = [one.bar_ms for one in ledger.steps(session.run_id, 1 << 31) if one.bar_ms >= 0]
    return min(bars, default=session.started_ms)


def _end(ledger: ReportLedger, session: Session) -> int:
    last = ledger.last_step(session.run_id)
    return last.bar_ms + Timeframe.parse(session.timeframe).ms if last.bar_ms >= 0 else session.started_ms


def _backtested(one: Backtest) -> Result:
    stats = one.stats

    def figure(name: str) -> float:
        value = stats.get(name)
        return float(value) if isinstance(value, int | float) else NAN

    return Result(
        source="backtest",
        run_id=one.run_id,
        since=iso(one.start_ms),
        until=iso(one.end_ms),
        days=(one.end_ms - one.start_ms) / _DAY_MS,
        trades=int(stats.get("trades", 0) or 0),
        return_pct=figure("total_return_pct"),
        hold_pct=figure("benchmark_return_pct"),
        sharpe=figure("sharpe"),
        drawdown_pct=figure("max_drawdown_pct"),
    )
