"""Runs as they are listed: a finished one as it stated itself, a session as its newest step says."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select

from trader_cli.errors import UsageError, did_you_mean
from trader_cli.ledger import schema
from trader_cli.ledger.beancount import time_text
from trader_cli.ledger.database import version_of
from trader_cli.ledger.sessions import newest_steps
from trader_cli.model.instrument import CASH_ONE
from trader_cli.model.timeframe import Timeframe


@dataclass(frozen=True)
class RunSummary:
    """A run as it is listed; money in 1e-8 quote, stats as the run reported them.

    Of a session everything that says how it ended is its newest step's; bars counts those it decided on.
    """

    run_id: str
    mode: str
    strategy: str
    params: Mapping[str, Any]
    preset: str
    symbols: tuple[str, ...]
    exchange: str
    timeframe: str
    quote: str
    started_ms: int
    start_ms: int
    end_ms: int
    bars: int
    cash_start: int
    cash_end: int
    equity_end: int
    digest: str
    code_digest: str
    stats: Mapping[str, Any]


def summaries(connection: Connection, limit: int | None, strategy: str | None) -> list[RunSummary]:
    """Return runs, newest first."""
    query = _runs(connection).order_by(schema.runs.c.id.desc())
    if strategy is not None:
        query = query.where(schema.runs.c.strategy == strategy)
    if limit is not None:
        query = query.limit(limit)
    return [_summary(connection, row) for row in connection.execute(query).mappings()]


def summary(connection: Connection, prefix: str) -> RunSummary:
    """Return the run whose id begins with `prefix`. Raises UsageError when there is none or more than one."""
    known = list(connection.execute(select(schema.runs.c.run_id).order_by(schema.runs.c.id.desc())).scalars())
    hits = [one for one in known if one.startswith(prefix)] if prefix else []
    if len(hits) != 1 and prefix not in hits:
        if hits:
            raise UsageError(f"`{prefix}` could be {len(hits)} runs", f"e.g. `{hits[0]}` or `{hits[1]}`")
        near = did_you_mean(prefix, [one[: max(len(prefix), 6)] for one in known])
        raise UsageError(f"there is no run `{prefix}`", *near, "`trader report` lists the runs")
    wanted = prefix if prefix in hits else hits[0]
    query = _runs(connection).where(schema.runs.c.run_id == wanted)
    return _summary(connection, connection.execute(query).mappings().one())


def _runs(connection: Connection) -> Select[Any]:
    r, s = schema.runs, schema.sessions
    if not schema.is_in(s, version_of(connection)):
        return select(r)
    return select(r, s.c.account).outerjoin_from(r, s, s.c.run == r.c.id)


def _summary(connection: Connection, row: RowMapping) -> RunSummary:
    values = dict(row)
    for name in ("params", "stats", "symbols"):
        values[name] = json.loads(values[name])
    if values.get("account") is not None:
        values.update(_now(connection, values))
    values["symbols"] = tuple(values["symbols"])
    return RunSummary(**{name: values[name] for name in RunSummary.__dataclass_fields__})


def as_it_stands(connection: Connection, run: Mapping[str, Any]) -> SimpleNamespace:
    """Return a row of `runs` with what stands now in place of what a session began with."""
    s = schema.sessions
    going = connection.execute(select(s.c.id).where(s.c.run == run["id"])).first() is not None
    now = {**now_of(connection, run), "symbols": newest_steps(connection, run["id"], 1)[0]["symbols"]} if going else {}
    return SimpleNamespace(**{**run, **now})


def now_of(connection: Connection, run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a session's newest step says in place of what its row of `runs` says of its opening."""
    last = newest_steps(connection, run["id"], 1)[0]
    t = schema.steps
    decided = select(func.count(t.c.bar_ms.distinct())).where(t.c.run == run["id"], t.c.bar_ms >= 0)
    seen = last["bar_ms"] >= 0
    return {
        "symbols": json.loads(last["symbols"]),
        "end_ms": last["bar_ms"] + Timeframe.parse(run["timeframe"]).ms if seen else last["time_ms"],
        "bars": connection.execute(decided).scalar_one(),
        "cash_end": last["cash"],
        "equity_end": last["equity"],
        "digest": last["digest"],
        "fill_count": last["fill_count"],
        "trade_count": last["trade_count"],
        "fees": last["fees"],
    }


def _now(connection: Connection, run: Mapping[str, Any]) -> dict[str, Any]:
    now = now_of(connection, run)
    start = run["cash_start"]
    stats = {
        **{name: run[name] for name in ("run_id", "mode", "strategy", "params", "preset", "exchange", "timeframe")},
        "symbols": now["symbols"],
        "start": time_text(run["start_ms"]),
        "end": time_text(now["end_ms"]),
        "bars": now["bars"],
        "cash": start / CASH_ONE,
        "final_equity": now["equity_end"] / CASH_ONE,
        "total_return_pct": (now["equity_end"] / start - 1) * 100 if start else None,
        "trades": now["trade_count"],
        "fills": now["fill_count"],
        "fees_paid": now["fees"] / CASH_ONE,
        "digest": now["digest"],
    }
    return {**now, "stats": stats}
