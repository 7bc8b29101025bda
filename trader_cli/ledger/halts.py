"""Halts: what must not enter any more, since when, and by which rule. The state is derived from appended rows.

A scope is `all` or a wallet's name. Both hold on their own: to resume the whole account leaves a wallet halted that was
halted by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.posting import check_wallet_name
from trader_cli.ledger.record import risk_row
from trader_cli.model.risk import ALL, RiskEvent

HALT = "halt"
RESUME = "resume"


@dataclass(frozen=True)
class HaltState:
    """A scope that is halted: since when (ms UTC), why, and by which rule.

    close_positions: what it holds is to be sold. rule, number, limit, unit: what tripped, what was measured and what was
    allowed, decimal text, empty for a halt by hand.
    """

    scope: str
    since_ms: int
    close_positions: bool
    reason: str
    rule: str = ""
    number: str = ""
    limit: str = ""
    unit: str = ""


def halted(connection: Connection) -> dict[str, HaltState]:
    """Return what is halted by scope, the longest halted first."""
    t = schema.halts
    states: dict[str, HaltState] = {}
    for row in connection.execute(select(t).order_by(t.c.id)):
        if row.action == RESUME:
            states.pop(row.scope, None)
        elif row.scope in states:
            # A second halt only adds that positions are to be closed: what tripped first stays the reason.
            states[row.scope] = replace(states[row.scope], close_positions=bool(row.close_positions))
        else:
            numbers = (row.reason, row.rule, row.number, row.limit_value, row.unit)
            states[row.scope] = HaltState(row.scope, row.time_ms, bool(row.close_positions), *numbers)
    return states


def halt(connection: Connection, state: HaltState) -> HaltState | None:
    """Halt a scope; return the state it was halted in already, None when it was not.

    A scope that is halted already gets a row only where positions are now to be closed and were not before.
    """
    if state.scope != ALL:
        check_wallet_name(state.scope)
    before = halted(connection).get(state.scope)
    if before is None or (state.close_positions and not before.close_positions):
        _append(connection, HALT, state)
    return before


def resume(connection: Connection, time_ms: int, scope: str, reason: str) -> HaltState | None:
    """Resume a scope; return the state it was halted in, None where there was nothing to resume and nothing is written."""
    if scope != ALL:
        check_wallet_name(scope)
    before = halted(connection).get(scope)
    if before is not None:
        _append(connection, RESUME, replace(before, since_ms=time_ms, reason=reason, close_positions=False))
    return before


def _append(connection: Connection, action: str, state: HaltState) -> None:
    numbers = (state.rule, state.number, state.limit, state.unit)
    row = (state.since_ms, state.scope, action, int(state.close_positions), state.reason, *numbers)
    append(connection, schema.halts, [row])
    wallet = "" if state.scope == ALL else state.scope
    time_ms = state.since_ms
    event = RiskEvent(time_ms, time_ms, 1, action, wallet, "", "", *numbers, state.reason)
    append(connection, schema.risk_events, [risk_row(None, event)])
