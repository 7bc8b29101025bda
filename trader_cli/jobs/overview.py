"""What somebody wants to see first: what nobody knows or can explain, then what is being traded."""

from __future__ import annotations

from dataclasses import dataclass

from trader_cli.jobs.report import (
    CycleLine,
    HaltLine,
    Position,
    SessionLine,
    Unexplained,
    cycle_lines,
    differences,
    halt_lines,
    positions,
    session_lines,
)
from trader_cli.jobs.report_ledger import ReportLedger
from trader_cli.jobs.report_orders import OrderLine, order_lines, unresolved_lines
from trader_cli.model.session import Session


@dataclass(frozen=True)
class Overview:
    """The state of trading. sessions: the open ones. cycles: the last one, none before the first."""

    unresolved: tuple[OrderLine, ...]
    unexplained: tuple[Unexplained, ...]
    halted: tuple[HaltLine, ...]
    sessions: tuple[SessionLine, ...]
    positions: tuple[Position, ...]
    cycles: tuple[CycleLine, ...]


@dataclass(frozen=True)
class SessionReport:
    """One session as of its newest step. orders: the open ones and the newest that are over."""

    session: SessionLine
    positions: tuple[Position, ...]
    orders: tuple[OrderLine, ...]


def overview(ledger: ReportLedger, now_ms: int) -> Overview:
    """Return what is being traded now. Unresolved orders of sessions that ended are among the rest."""
    return Overview(
        unresolved=tuple(unresolved_lines(ledger, now_ms)),
        unexplained=tuple(differences(ledger)),
        halted=tuple(halt_lines(ledger)),
        sessions=tuple(one for one in session_lines(ledger) if one.state == "open"),
        positions=tuple(positions(ledger, {})),
        cycles=tuple(cycle_lines(ledger, 1, now_ms)),
    )


def session_report(ledger: ReportLedger, session: Session, now_ms: int, limit: int) -> SessionReport:
    """Return one session with what it holds and its orders."""
    line = next(one for one in session_lines(ledger) if one.run_id == session.run_id)
    return SessionReport(
        session=line,
        positions=tuple(one for one in positions(ledger, {}) if one.run_id == session.run_id),
        orders=tuple(order_lines(ledger, now_ms, run_id=session.run_id, limit=limit)),
    )
