"""A new ledger as the migrations leave it, without the migrations: a thousand tests begin with one, and each would take 0.2 s.

The first ledger of a process is migrated; every other one has what the first had then: each statement and each row. Tests of
the migrations themselves, and every command that is started afresh, run them.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from trader_cli.ledger import opened
from trader_cli.ledger.database import migrate

_STATEMENTS: list[str] = []


def remember() -> None:
    """From here on, in this process."""
    opened.migrate = _made  # type: ignore[attr-defined]


def forget() -> None:
    """Run the migrations for every ledger again."""
    opened.migrate = migrate  # type: ignore[attr-defined]


def _made(connection: Connection) -> None:
    raw: Any = connection.connection.driver_connection
    if _STATEMENTS:
        for statement in _STATEMENTS:
            raw.execute(statement)
        return
    migrate(connection)
    _STATEMENTS.extend(_told(raw))


def _told(raw: Any) -> list[str]:
    """Return what makes this database, in the order in which it was made."""
    query = (
        "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid"
    )
    made = raw.execute(query).fetchall()
    rows = []
    for kind, name, _ in made:
        if kind == "table":
            columns = [one[1] for one in raw.execute(f'PRAGMA table_info("{name}")')]
            values = " || ', ' || ".join(f'quote("{column}")' for column in columns)
            rows += [f'INSERT INTO "{name}" VALUES ({row[0]})' for row in raw.execute(f'SELECT {values} FROM "{name}"')]
    triggers = [sql for kind, _, sql in made if kind == "trigger"]
    return [*(sql for kind, _, sql in made if kind != "trigger"), *rows, *triggers]
