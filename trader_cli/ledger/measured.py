"""Sums over many rows that monitoring asks for after each run: made by the database, so that a long history costs little."""

from __future__ import annotations

import json
from collections import Counter

from sqlalchemy import Connection, case, func, select

from trader_cli.errors import DataError, RiskError, UnresolvedError, VenueError
from trader_cli.ledger import schema
from trader_cli.ledger.sessions import run_row
from trader_cli.model.orders import OrderState

_ENDED = ("acted", "nothing", "ended")
_CODES = {one.exit_code: one.code for one in (DataError, VenueError, RiskError, UnresolvedError)}


def failures(connection: Connection) -> dict[str, int]:
    """Return how many cycles ever ended with each error: its code, or `CODE:PATTERN` where a venue's answer had a name."""
    t = schema.cycles
    found: Counter[str] = Counter()
    plain = (
        select(t.c.outcome, t.c.exit_code, func.count()).where(t.c.exit_code != 0).group_by(t.c.outcome, t.c.exit_code)
    )
    for outcome, code, count in connection.execute(plain):
        # A cycle that went to its end says what it did; what was wrong with it is its exit code's.
        found[_CODES.get(code, outcome) if outcome in _ENDED else outcome] += count
    # Only a venue's answers have names, and only those rows are read.
    named = select(t.c.outcome, t.c.figures).where(t.c.exit_code != 0, t.c.figures.contains('"pattern"'))
    for outcome, text in connection.execute(named):
        if pattern := json.loads(text).get("pattern"):
            found[f"{outcome}:{pattern}"] += 1
            found[outcome] -= 1
    return {name: count for name, count in sorted(found.items()) if count}


def peak_equity(connection: Connection, run_id: str) -> int:
    """Return the highest equity of a session's steps, 1e-8 quote. Raises DataError where there is no such session."""
    t = schema.steps
    run = run_row(connection, run_id)["id"]
    return int(connection.execute(select(func.max(t.c.equity)).where(t.c.run == run)).scalar_one())


def order_ends(connection: Connection, run_id: str) -> list[tuple[str, str, int]]:
    """Return (state, the venue's words for a refusal, else "", how many) of a session's orders as they stand.

    Raises DataError where there is no such session.
    """
    o, e = schema.orders, schema.order_events
    run = run_row(connection, run_id)["id"]
    newest = (
        select(func.max(e.c.id)).join_from(e, o, e.c.order_id == o.c.id).where(o.c.run == run).group_by(e.c.order_id)
    )
    said = case((e.c.state == OrderState.REJECTED.value, e.c.message), else_="").label("said")
    query = select(e.c.state, said, func.count()).where(e.c.id.in_(newest)).group_by(e.c.state, said)
    return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(e.c.state, said))]
