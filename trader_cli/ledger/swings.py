"""The cache of confirmed swings in `fibonacci_levels`: what is stored under a key stays as it is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, select

from trader_cli.ledger import schema
from trader_cli.ledger.append import append

# A series without a swing is known too: one row says so.
_NONE = "none"


class Swing(NamedTuple):
    """A confirmed swing: ms UTC at which it happened and from which on it could be known, price, and its kind."""

    happened_ms: int
    known_ms: int
    price: float
    kind: str


def swings(connection: Connection, key: str) -> list[Swing] | None:
    """Return the swings stored under a key in their order, None when nothing ever was."""
    t = schema.fibonacci_levels
    query = select(t.c.happened_ms, t.c.known_ms, t.c.price, t.c.kind).where(t.c.key == key).order_by(t.c.id)
    rows = connection.execute(query).all()
    if not rows:
        return None
    return [Swing(happened, known, float(price), kind) for happened, known, price, kind in rows if kind != _NONE]


def store_swings(connection: Connection, key: str, rows: Iterable[tuple[int, int, float, str]]) -> None:
    """Store swings under a key; where there are some already, they stay: the key covers all they are made of."""
    if swings(connection, key) is not None:
        return
    made = [(key, int(happened), int(known), repr(float(price)), kind) for happened, known, price, kind in rows]
    append(connection, schema.fibonacci_levels, made or [(key, 0, 0, repr(0.0), _NONE)])
