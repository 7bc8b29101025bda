"""How much was tried of a strategy: the more, the less its best result says (deflation needs the number)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, Row, func, or_, select

from trader_cli.ledger import schema
from trader_cli.ledger.figures import figures, params_key
from trader_cli.ledger.sweeps import PAGE, trials_of
from trader_cli.model.evidence import Tried


def tried(connection: Connection, strategy: str, most: int) -> Tried:
    """Return what searches and backtests tried of a strategy, in any version of its code; see `Ledger.tried`."""
    t, s = schema.trials, schema.sweeps
    swept = select(func.count(t.c.params_key.distinct())).join_from(t, s, t.c.sweep == s.c.id)
    count = connection.execute(swept.where(s.c.strategy == strategy, t.c.problem == "")).scalar_one()
    seen = connection.execute(select(func.max(s.c.until_ms)).where(s.c.strategy == strategy)).scalar()
    found = list(connection.execute(select(s).where(s.c.strategy == strategy).order_by(s.c.id.desc())))
    return Tried(
        count=int(count) + _only_backtested(connection, strategy),
        params=_spread(connection, found, most),
        seen_until_ms=None if seen is None else int(seen),
        space=figures(found[0].space) if found else {},
    )


def _only_backtested(connection: Connection, strategy: str) -> int:
    """Return how many sets of parameters a backtest had and no search."""
    keys = list({params_key(params) for params in _backtested(connection, strategy)})
    t, s = schema.trials, schema.sweeps
    known = 0
    for start in range(0, len(keys), PAGE):
        query = select(func.count(t.c.params_key.distinct())).join_from(t, s, t.c.sweep == s.c.id)
        query = query.where(s.c.strategy == strategy, t.c.problem == "", t.c.params_key.in_(keys[start : start + PAGE]))
        known += connection.execute(query).scalar_one()
    return len(keys) - known


def _backtested(connection: Connection, strategy: str) -> Iterator[Mapping[str, Any]]:
    """Yield the parameters of every backtest of a strategy, alone or beside others."""
    r = schema.runs
    alone = r.c.strategy == strategy
    query = select(r.c.strategy, r.c.params).where(r.c.mode == "backtest")
    query = query.where(or_(alone, r.c.strategy.contains(strategy, autoescape=True)))
    for label, text in connection.execution_options(yield_per=PAGE).execute(query):
        if label == strategy:
            yield json.loads(text)
        elif strategy in label.split(","):
            yield json.loads(text).get(strategy, {})


def _spread(connection: Connection, found: list[Row[Any]], most: int) -> list[Mapping[str, Any]]:
    """Return at most so many sets of parameters, each once, of the newest searches first, of each evenly over its order."""
    t = schema.trials
    chosen: dict[str, Mapping[str, Any]] = {}
    for row in found:
        left = most - len(chosen)
        if left <= 0:
            break
        ran = select(t.c.number).where(t.c.sweep == row.id, t.c.problem == "").order_by(t.c.number)
        count = connection.execute(select(func.count()).select_from(ran.subquery())).scalar_one()
        places = set(range(count)) if count <= left else {(2 * i + 1) * count // (2 * left) for i in range(left)}
        numbers = [number for place, number in enumerate(connection.execute(ran).scalars()) if place in places]
        for one in trials_of(connection, row.id, numbers):
            chosen.setdefault(params_key(one.params), one.params)
    return list(chosen.values())
