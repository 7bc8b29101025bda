"""How cycles ended, and the smallest orders that venues' refusals have taught."""

from __future__ import annotations

import json
from decimal import Decimal

from sqlalchemy import Connection, select

from trader_cli.errors import DataError
from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.record import json_text
from trader_cli.model.session import CycleRecord


def record_cycle(connection: Connection, one: CycleRecord) -> None:
    """Write how a cycle ended."""
    when = (one.run_id, one.started_ms, one.ended_ms)
    row = (*when, one.outcome, one.exit_code, one.message, json_text(dict(one.figures)))
    append(connection, schema.cycles, [row])


def cycles(connection: Connection, limit: int, run_id: str | None) -> list[CycleRecord]:
    """Return the newest cycles, the newest first; of one session where it is given."""
    t = schema.cycles
    query = select(t).order_by(t.c.id.desc()).limit(limit)
    if run_id is not None:
        query = query.where(t.c.run_id == run_id)
    found = []
    for row in connection.execute(query):
        ended = (row.outcome, row.exit_code, row.message, json.loads(row.figures))
        found.append(CycleRecord(row.run_id, row.started_ms, row.ended_ms, *ended))
    return found


def learn_minimum(
    connection: Connection, time_ms: int, venue: str, symbol: str, minimum: Decimal, message: str
) -> None:
    """Write a smallest order that is larger than what is known."""
    if not minimum.is_finite() or minimum <= 0:
        raise DataError(f"`{minimum}` is no smallest order of `{symbol}`, it must be above 0")
    if minimum > learned_minimums(connection, venue).get(symbol, Decimal(0)):
        append(connection, schema.learned_minimums, [(time_ms, venue, symbol, format(minimum, "f"), message)])


def learned_minimums(connection: Connection, venue: str) -> dict[str, Decimal]:
    """Return the largest minimum learned of each symbol of a venue; the newest row is the largest."""
    t = schema.learned_minimums
    rows = connection.execute(select(t.c.symbol, t.c.minimum).where(t.c.venue == venue).order_by(t.c.id))
    return {symbol: Decimal(minimum) for symbol, minimum in rows}
