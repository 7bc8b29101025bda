"""What is measured, as plain data: every figure that monitoring may ask for has its line here, whether it is there or not.

Names follow the conventions of Prometheus: units in the name, `_total` for what only grows. Money has no unit of its own there,
so its currency is a label. A session is told from another by mode, exchange and account (empty on paper).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from trader_cli.engine.snapshot import unpack
from trader_cli.engine.state import TRIPPED_BY
from trader_cli.jobs.report import differences, open_sessions, positions, session_lines
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.model.fills import Refusal
from trader_cli.model.orders import OrderState
from trader_cli.model.risk import ALL
from trader_cli.model.session import Arming, CycleRecord, Session, Step
from trader_cli.model.timeframe import Timeframe

_PATTERN = re.compile(r"[a-z0-9_]+(?=: |$)")
_CYCLES = 200
_WHOLE = 1 << 31
_SESSION = ("mode", "exchange", "account")


@dataclass(frozen=True)
class Metric:
    """One thing that is measured. kind: `gauge`, or `counter` for what only grows. labels: names, in the samples' order."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Family:
    """A metric with its values: (values of its labels, number)."""

    metric: Metric
    samples: tuple[tuple[tuple[str, ...], float], ...]


@dataclass(frozen=True)
class RunEnd:
    """How the run ended that measures. seconds: how long it took; ended_ms: ms UTC."""

    command: str
    version: str
    exit_code: int
    seconds: float
    ended_ms: int


def _gauge(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"trader_{name}", "gauge", text, labels)


def _counter(name: str, text: str, *labels: str) -> Metric:
    return Metric(f"trader_{name}_total", "counter", text, labels)


_HELD = (*_SESSION, "wallet", "symbol")
METRICS = {
    one.name.removeprefix("trader_").removesuffix("_total"): one
    for one in (
        _gauge("build_info", "The program that measured; always 1.", "version"),
        _gauge("run_exit_code", "Exit code of the run that wrote this.", "command"),
        _gauge("run_duration_seconds", "How long that run took.", "command"),
        _gauge("run_end_timestamp_seconds", "When that run ended.", "command"),
        _gauge("ledger_readable", "1 where the ledger could be read, 0 where it could not and only the run is known."),
        _gauge("session_info", "A session that goes on; always 1.", *_SESSION, "run", "strategy", "timeframe"),
        _gauge("equity", "Cash and holdings at their last price.", *_SESSION, "currency"),
        _gauge("cash", "Cash of a session.", *_SESSION, "currency"),
        _gauge("result", "Equity less what the session began with or adopted.", *_SESSION, "currency"),
        _gauge("drawdown_ratio", "How far the equity is under its highest since the session began.", *_SESSION),
        _gauge("bar_close_timestamp_seconds", "Close of the newest bar that was decided on.", *_SESSION),
        _gauge("bar_duration_seconds", "Length of the session's bars.", *_SESSION),
        _counter("fills", "Fills since the session began.", *_SESSION),
        _counter("round_trips", "Positions opened and closed since the session began.", *_SESSION),
        _gauge("cycle_last_success_timestamp_seconds", "Heartbeat: end of the last cycle with exit code 0.", *_SESSION),
        _gauge("cycle_last_end_timestamp_seconds", "End of the last cycle, however it ended.", *_SESSION),
        _gauge("cycle_last_exit_code", "Exit code of the last cycle.", *_SESSION),
        _gauge("cycle_last_duration_seconds", "How long the last cycle took.", *_SESSION),
        _gauge("position_quantity", "What is held, in base units.", *_HELD),
        _gauge("position_value", "What is held, at its last price.", *_HELD, "currency"),
        _gauge("position_result", "Result of the round trip under way, fees paid.", *_HELD, "currency"),
        _gauge("position_unprotected", "1 where there is a stop and the venue does not have it.", *_HELD),
        _counter("orders", "Orders sent to the venue, by how they ended.", *_SESSION, "state"),
        _gauge("open_orders", "Orders that rest at the venue.", *_SESSION),
        _gauge("unresolved_orders", "Orders whose fate is not known.", *_SESSION),
        _counter("rejections", "Orders the venue refused, by the name of its answer.", *_SESSION, "pattern"),
        _gauge("unexplained_assets", "Assets whose balance at the venue nobody can explain.", *_SESSION),
        _gauge("breaker_open", "1 where a breaker keeps a wallet, or all, from entering.", *_SESSION, "scope", "rule"),
        _gauge("halted", "1 where nothing enters until somebody resumes it.", "scope"),
        _gauge("armed", "1 where leave to trade for real stands.", *_SESSION),
        _gauge("arming_expiry_timestamp_seconds", "When leave to trade for real expires.", *_SESSION),
        _counter("errors", "Cycles that failed, by the error's code and the name of the venue's answer.", "pattern"),
    )
}
"""Everything there is to measure, by name without prefix and `_total`."""


class MeasuredLedger(ReportLedger, Protocol):
    """What is measured comes from here; nothing is written."""

    def failures(self) -> Mapping[str, int]:
        """Return how many cycles ever ended with each error."""
        ...

    def peak_equity(self, run_id: str) -> int:
        """Return the highest equity of a session's steps, 1e-8 quote."""
        ...

    def order_ends(self, run_id: str) -> Sequence[tuple[str, str, int]]:
        """Return (state, the venue's words for a refusal, else "", how many) of a session's orders as they stand."""
        ...

    def armed(self, venue: str, account: str) -> Arming | None:
        """Return the newest leave to trade for real that was not taken back, expired or not."""
        ...


class _Found:
    """Samples as they are found, by metric."""

    def __init__(self) -> None:
        self._samples: dict[str, list[tuple[tuple[str, ...], float]]] = {}

    def add(self, name: str, value: float, *labels: str) -> None:
        metric = METRICS[name]
        if len(labels) != len(metric.labels):
            raise ValueError(f"{metric.name} has the labels {metric.labels}, not {labels}")
        self._samples.setdefault(name, []).append((labels, float(value)))

    def families(self) -> list[Family]:
        return [Family(METRICS[name], tuple(sorted(rows))) for name, rows in sorted(self._samples.items())]


def program_measures(version: str) -> list[Family]:
    """Return what is known of the program itself."""
    found = _Found()
    found.add("build_info", 1, version)
    return found.families()


def run_measures(end: RunEnd) -> list[Family]:
    """Return what is known of a run without any ledger."""
    found = _Found()
    found.add("build_info", 1, end.version)
    found.add("run_exit_code", end.exit_code, end.command)
    found.add("run_duration_seconds", end.seconds, end.command)
    found.add("run_end_timestamp_seconds", end.ended_ms / 1000, end.command)
    return found.families()


def unreadable() -> list[Family]:
    """Return what is measured where the ledger cannot be read."""
    found = _Found()
    found.add("ledger_readable", 0)
    return found.families()


def nothing() -> list[Family]:
    """Return what is measured where there is no ledger yet: nothing was traded."""
    found = _Found()
    found.add("halted", 0, ALL)
    return found.families()


def measures(ledger: MeasuredLedger, now_ms: int) -> list[Family]:
    """Return what the ledger says now (ms UTC), sorted by name; a figure that nobody knows is absent, never 0."""
    found = _Found()
    found.add("ledger_readable", 1)
    halted = ledger.halted()
    for scope in dict.fromkeys((ALL, *halted)):
        found.add("halted", scope in halted, scope)
    for pattern, count in ledger.failures().items():
        found.add("errors", count, pattern)
    sessions = ledger.sessions()
    for session in open_sessions(sessions):
        _session(found, ledger, session)
    _money(found, ledger, sessions)
    _orders(found, ledger, sessions)
    _leave(found, ledger, sessions, now_ms)
    return found.families()


def key_of(session: Session) -> tuple[str, str, str]:
    """Return what tells a session that goes on from any other."""
    return session.mode, session.exchange, session.account


def _session(found: _Found, ledger: MeasuredLedger, session: Session) -> None:
    key, step = key_of(session), ledger.last_step(session.run_id)
    found.add("session_info", 1, *key, session.run_id, session.strategy, session.timeframe)
    peak = max(ledger.peak_equity(session.run_id), step.equity, 1)
    found.add("drawdown_ratio", 1 - step.equity / peak, *key)
    length = Timeframe.parse(session.timeframe).ms
    found.add("bar_duration_seconds", length / 1000, *key)
    if step.bar_ms >= 0:
        found.add("bar_close_timestamp_seconds", (step.bar_ms + length) / 1000, *key)
    found.add("fills", step.fill_count, *key)
    found.add("round_trips", step.trade_count, *key)
    for scope, rule in tripped(step):
        found.add("breaker_open", 1, *key, scope, rule)
    beats = heartbeats(ledger, session)
    if beats:
        last = beats[0]
        found.add("cycle_last_end_timestamp_seconds", last.ended_ms / 1000, *key)
        found.add("cycle_last_exit_code", last.exit_code, *key)
        found.add("cycle_last_duration_seconds", (last.ended_ms - last.started_ms) / 1000, *key)
    if (success := last_success(ledger, session)) is not None:
        found.add("cycle_last_success_timestamp_seconds", success.ended_ms / 1000, *key)


def tripped(step: Step) -> Iterator[tuple[str, str]]:
    """Yield (wallet or `all`, rule) of the breakers that are open after a step."""
    book = unpack(step.state, step.symbols, step.wallets, step.symbols, step.wallets)
    for w, scope in enumerate((*step.wallets, ALL)):
        rule = int(book.wallet[w, TRIPPED_BY])
        # A halt by hand is no breaker: it has its own figure.
        if rule not in (0, Refusal.HALTED):
            yield scope, Refusal(rule).label


def heartbeats(ledger: ReportLedger, session: Session, limit: int = _CYCLES) -> list[CycleRecord]:
    """Return the newest cycles of a session, newest first, with those that failed before any session was known."""
    own = ledger.cycles(limit, session.run_id)
    # A replay leaves no cycles of its own, and what failed for others is not its.
    lost = [] if session.exchange.startswith("replay:") else ledger.cycles(limit, "")
    mine = [one for one in lost if one.figures.get("mode") == session.mode and one.ended_ms >= session.started_ms]
    return sorted([*own, *mine], key=lambda one: one.ended_ms, reverse=True)


def last_success(ledger: ReportLedger, session: Session) -> CycleRecord | None:
    """Return the newest cycle of a session that ended with exit code 0."""
    for limit in (_CYCLES, _WHOLE):
        for one in ledger.cycles(limit, session.run_id):
            if one.exit_code == 0:
                return one
    return None


def _money(found: _Found, ledger: MeasuredLedger, sessions: Sequence[Session]) -> None:
    keys = {one.run_id: key_of(one) for one in sessions}
    for line in session_lines(ledger):
        if line.state == "open":
            found.add("equity", float(line.equity), *keys[line.run_id], line.quote)
            found.add("cash", float(line.cash), *keys[line.run_id], line.quote)
            found.add("result", float(line.result), *keys[line.run_id], line.quote)
    for held in positions(ledger, {}):
        where = (*keys[held.run_id], held.wallet, held.symbol)
        found.add("position_quantity", float(held.quantity), *where)
        found.add("position_value", float(held.value), *where, held.quote)
        found.add("position_result", float(held.pnl), *where, held.quote)
        found.add("position_unprotected", held.exposed, *where)
    odd = Counter(one.run_id for one in differences(ledger))
    for session in open_sessions(sessions):
        if session.mode == "live":
            found.add("unexplained_assets", odd[session.run_id], *key_of(session))


def _orders(found: _Found, ledger: MeasuredLedger, sessions: Sequence[Session]) -> None:
    """Count the orders of every session, ended ones too: what is unresolved there is still at the venue."""
    each: dict[tuple[str, str, str], Counter[tuple[str, str]]] = {}
    for session in sessions:
        if session.mode == "live":
            for state, said, count in ledger.order_ends(session.run_id):
                each.setdefault(key_of(session), Counter())[state, said] += count
    for key, orders in each.items():
        states: Counter[OrderState] = Counter()
        refused: Counter[str] = Counter()
        for (state, said), count in orders.items():
            states[OrderState(state)] += count
            if state == OrderState.REJECTED:
                # What has no name in the error table is words of the venue's, of which there is no end: no label for them.
                named = _PATTERN.match(said)
                refused[named[0] if named else "unnamed"] += count
        for one, count in states.items():
            if one.is_final:
                found.add("orders", count, *key, str(one))
        found.add("unresolved_orders", sum(count for one, count in states.items() if one.is_unresolved), *key)
        found.add("open_orders", states[OrderState.OPEN], *key)
        for pattern, count in refused.items():
            found.add("rejections", count, *key, pattern)


def _leave(found: _Found, ledger: MeasuredLedger, sessions: Sequence[Session], now_ms: int) -> None:
    for session in open_sessions(sessions):
        if session.mode != "live":
            continue
        arming = ledger.armed(session.exchange, session.account)
        found.add("armed", arming is not None and arming.expires_ms > now_ms, *key_of(session))
        if arming is not None:
            found.add("arming_expiry_timestamp_seconds", arming.expires_ms / 1000, *key_of(session))
