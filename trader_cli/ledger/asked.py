"""What a run was asked to do, whatever its mode: the settings, wallets and steps it was recorded with."""

from __future__ import annotations

import json

from sqlalchemy import select

from trader_cli.errors import DataError
from trader_cli.ledger import schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.ledger import Ledger
from trader_cli.ledger.rows import wallets_of
from trader_cli.ledger.sessions import instruments_of
from trader_cli.model.session import Session

_PLAIN = ("run_id", "mode", "exchange", "strategy", "preset", "timeframe", "quote", "cash_start", "started_ms")


def asked_of(ledger: Ledger, run_id: str) -> Session:
    """Return a run as the session it would be: with its settings, parameters, wallets and instruments.

    A backtest has no account, and nothing lay beside it. Raises DataError where there is no such run.
    """
    r, s = schema.runs, schema.sessions
    query = select(r, s.c.account, s.c.outside).outerjoin_from(r, s, s.c.run == r.c.id).where(r.c.run_id == run_id)
    with reading(ledger.engine, ledger.path) as connection:
        row = connection.execute(query).mappings().first()
        if row is None:
            raise DataError(f"there is no run `{run_id}`", "`trader report` lists the runs")
        return Session(
            **{name: row[name] for name in (*_PLAIN, "code_digest")},
            account=row["account"] or "",
            params=json.loads(row["params"]),
            config=json.loads(row["config"]),
            instruments=instruments_of(row["instruments"]),
            wallets=tuple(wallets_of(connection, row["id"])),
            outside=json.loads(row["outside"] or "{}"),
        )
