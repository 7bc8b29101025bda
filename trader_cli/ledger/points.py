"""A session's account over time: what each step says of money, without the book it holds; a long session costs little."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import select

from trader_cli.ledger import schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.ledger import Ledger
from trader_cli.ledger.sessions import run_row


class Point(NamedTuple):
    """One step. time_ms: when it was written; bar_ms: open of the newest bar decided on, -1 = none; money in 1e-8 quote."""

    seq: int
    time_ms: int
    bar_ms: int
    cash: int
    equity: int


def points_of(ledger: Ledger, run_id: str, since_ms: int | None = None, *, by_bar: bool = False) -> list[Point]:
    """Return a session's steps from a moment on, oldest first, and before them the newest that is older, if there is one.

    since_ms: ms UTC, None = all; it is held against `time_ms`, with `by_bar` against `bar_ms`. Raises DataError where there is
    no such session.
    """
    t = schema.steps
    with reading(ledger.engine, ledger.path) as connection:
        query = select(t.c.seq, t.c.time_ms, t.c.bar_ms, t.c.cash, t.c.equity)
        query = query.where(t.c.run == run_row(connection, run_id)["id"])
        if since_ms is None:
            return [Point(*row) for row in connection.execute(query.order_by(t.c.seq))]
        when = t.c.bar_ms if by_bar else t.c.time_ms
        before = connection.execute(query.where(when < since_ms).order_by(t.c.seq.desc()).limit(1))
        after = connection.execute(query.where(when >= since_ms).order_by(t.c.seq))
        return [Point(*row) for rows in (before, after) for row in rows]
