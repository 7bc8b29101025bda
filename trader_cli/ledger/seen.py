"""Which bars a finished run was given, as their digests."""

from __future__ import annotations

import json

from sqlalchemy import select

from trader_cli.errors import DataError
from trader_cli.ledger import schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.ledger import Ledger


def digests_of(ledger: Ledger, run_id: str) -> dict[str, str]:
    """Return the SHA-256 (hex) of a run's bars by symbol; none of a session. Raises DataError where there is no such run."""
    r = schema.runs
    with reading(ledger.engine, ledger.path) as connection:
        text = connection.execute(select(r.c.data_digests).where(r.c.run_id == run_id)).scalar()
    if text is None:
        raise DataError(f"there is no run `{run_id}`", "`trader report` lists the runs")
    return {str(symbol): str(digest) for symbol, digest in json.loads(text).items()}
