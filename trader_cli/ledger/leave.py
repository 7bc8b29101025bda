"""Who may trade: strategies that are deployed, and leave to trade for real. What holds now is derived from appended rows."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, Row, func, select

from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.record import json_text
from trader_cli.model.session import Arming, Deployment

DEPLOY = "deploy"
RETIRE = "retire"
ARM = "arm"
DISARM = "disarm"


def deployments(connection: Connection) -> dict[str, Deployment]:
    """Return what is deployed by strategy, the longest deployed first."""
    found: dict[str, Deployment] = {}
    for row in connection.execute(select(schema.deployments).order_by(schema.deployments.c.id)):
        found.pop(row.strategy, None)
        if row.action == DEPLOY:
            params = json.loads(row.params)
            found[row.strategy] = Deployment(row.strategy, row.wallet, params, row.code_digest, row.since_ms)
    return found


def deploy(connection: Connection, time_ms: int, one: Deployment) -> Deployment | None:
    """Deploy a strategy in place of its former self, which is returned; the very same again writes nothing."""
    before = deployments(connection).get(one.strategy)
    if before is None or _terms(before) != _terms(one):
        _append(connection, time_ms, DEPLOY, one)
    return before


def retire(connection: Connection, time_ms: int, strategy: str) -> bool:
    """Retire a strategy; tell whether it was deployed, else nothing is written."""
    before = deployments(connection).get(strategy)
    if before is not None:
        _append(connection, time_ms, RETIRE, before)
    return before is not None


def _terms(one: Deployment) -> tuple[str, dict[str, str], str]:
    return one.wallet, dict(one.params), one.code_digest


def _append(connection: Connection, time_ms: int, action: str, one: Deployment) -> None:
    row = (time_ms, action, one.strategy, one.wallet, json_text(dict(one.params)), one.code_digest, one.since_ms)
    append(connection, schema.deployments, [row])


def arm(connection: Connection, one: Arming) -> None:
    """Write leave to trade for real."""
    what = (one.venue, one.account, one.config_digest, one.strategies_digest, one.since_ms, one.expires_ms)
    append(connection, schema.armings, [(one.since_ms, ARM, *what, json_text(dict(one.summary)), "")])


def disarm(connection: Connection, time_ms: int, reason: str) -> bool:
    """Take back whatever leave was given, for every venue and account; tell whether there was any."""
    was = bool(_standing(connection))
    if was:
        append(connection, schema.armings, [(time_ms, DISARM, "", "", "", "", 0, 0, "{}", reason)])
    return was


def taken_back(connection: Connection) -> tuple[int, str] | None:
    """Return when leave to trade for real was taken back last, ms UTC, and why; None where it never was, or given since."""
    t = schema.armings
    row = connection.execute(select(t).order_by(t.c.id.desc()).limit(1)).first()
    return (row.time_ms, row.reason) if row is not None and row.action == DISARM else None


def armed(connection: Connection, venue: str, account: str) -> Arming | None:
    """Return the newest leave for a venue and account that was not taken back, expired or not."""
    found = [row for row in _standing(connection) if (row.venue, row.account) == (venue, account)]
    if not found:
        return None
    return _arming(found[-1])


def armings(connection: Connection, venue: str, account: str) -> list[tuple[Arming, int | None]]:
    """Return every leave ever given for a venue and account, oldest first, and when it ended if it did."""
    found: list[tuple[Arming, int | None]] = []
    for row in connection.execute(select(schema.armings).order_by(schema.armings.c.id)):
        mine = row.action == ARM and (row.venue, row.account) == (venue, account)
        if found and found[-1][1] is None and (mine or row.action == DISARM):
            found[-1] = (found[-1][0], row.time_ms)
        if mine:
            found.append((_arming(row), None))
    return found


def _arming(row: Row[Any]) -> Arming:
    digests = (row.config_digest, row.strategies_digest)
    return Arming(row.venue, row.account, *digests, row.since_ms, row.expires_ms, json.loads(row.summary))


def _standing(connection: Connection) -> list[Row[Any]]:
    t = schema.armings
    taken_back = select(func.coalesce(func.max(t.c.id), 0)).where(t.c.action == DISARM).scalar_subquery()
    return list(connection.execute(select(t).where(t.c.action == ARM, t.c.id > taken_back).order_by(t.c.id)))
