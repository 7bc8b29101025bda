"""What validation said, and what research proposes, as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Row, select

from trader_cli.errors import DataError
from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.figures import figures, figures_text, params_key
from trader_cli.ledger.record import UNVALIDATED, json_text, strategy_rows
from trader_cli.ledger.sweeps import sweep_row
from trader_cli.model.evidence import CheckResult, Proposal, Status, Verdict, follows


def validation_of(status: str, *, complete: bool) -> str:
    """Return what a row of `strategies` says after a verdict: of some checks only, nothing follows."""
    return status if complete else UNVALIDATED


def record_verdict(connection: Connection, one: Verdict) -> None:
    """Write a verdict and what it makes of the strategy. Raises DataError for one that does not follow from its checks."""
    if one.status is not follows(one.checks):
        raise DataError(f"the verdict on `{one.strategy}` is {one.status}, and its checks say {follows(one.checks)}")
    validation = validation_of(one.status, complete=one.complete)
    if one.complete:
        row = append(connection, schema.strategies, [(one.strategy, one.code_digest, validation, one.time_ms)])
    else:
        pair = (one.strategy, one.code_digest)
        row = strategy_rows(connection, [pair], one.time_ms)[pair]
    params = dict(one.params)
    who = (row, one.strategy, str(one.status), int(one.complete), figures_text(params), params_key(params))
    where = (
        one.code_digest,
        json_text(dict(one.data_digests)),
        one.exchange,
        one.timeframe,
        json_text(list(one.symbols)),
    )
    when = (one.since_ms, one.until_ms, one.time_ms, one.seed, one.trials)
    checks = figures_text([_check_row(check) for check in one.checks])
    append(connection, schema.verdicts, [(*who, *where, *when, checks, figures_text(one.settings))])


def verdict(connection: Connection, strategy: str, code_digest: str, params: Mapping[str, object]) -> Verdict | None:
    """Return the newest complete verdict on exactly this code with exactly these parameters."""
    t = schema.verdicts
    query = select(t).where(t.c.strategy == strategy, t.c.code_digest == code_digest, t.c.complete == 1)
    query = query.where(t.c.params_key == params_key(params)).order_by(t.c.id.desc()).limit(1)
    row = connection.execute(query).first()
    return None if row is None else verdict_of(row)


def verdicts(connection: Connection, strategy: str | None, limit: int | None) -> list[Verdict]:
    """Return verdicts, newest first."""
    query = select(schema.verdicts).order_by(schema.verdicts.c.id.desc()).limit(limit)
    if strategy is not None:
        query = query.where(schema.verdicts.c.strategy == strategy)
    return [verdict_of(row) for row in connection.execute(query)]


def verdict_of(row: Row[Any]) -> Verdict:
    """Return a row of `verdicts` as the model knows it."""
    values = {name: row._mapping[name] for name in Verdict.__dataclass_fields__}
    values["status"] = Status(row.status)
    values["complete"] = bool(row.complete)
    values["data_digests"] = json.loads(row.data_digests)
    values["symbols"] = tuple(json.loads(row.symbols))
    values["checks"] = [CheckResult(**{**one, "status": Status(one["status"])}) for one in figures(row.checks)]
    return Verdict(**{**values, "params": figures(row.params), "settings": figures(row.settings)})


def record_proposal(connection: Connection, one: Proposal) -> None:
    """Write a proposal. Raises DataError for one of a search that is not there."""
    sweep = sweep_row(connection, one.sweep_id).id if one.sweep_id else None
    what = (figures_text(one.current), figures_text(one.proposed), json_text(list(one.symbols)))
    append(connection, schema.proposals, [(one.strategy, one.regime, *what, sweep, one.time_ms, one.reason)])


def proposals(connection: Connection, strategy: str | None, limit: int | None) -> list[Proposal]:
    """Return proposals, newest first."""
    p, s = schema.proposals, schema.sweeps
    query = select(p, s.c.sweep_id).outerjoin_from(p, s, p.c.sweep == s.c.id).order_by(p.c.id.desc()).limit(limit)
    if strategy is not None:
        query = query.where(p.c.strategy == strategy)
    return [
        Proposal(
            strategy=row.strategy,
            regime=row.regime,
            current=figures(row.current),
            proposed=figures(row.proposed),
            symbols=tuple(json.loads(row.symbols)),
            sweep_id=row.sweep_id or "",
            time_ms=row.time_ms,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def _check_row(one: CheckResult) -> dict[str, Any]:
    return {name: getattr(one, name) for name in CheckResult.__dataclass_fields__}
