"""The new ledgers of the tests are those of the program, to the last word of their schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import newborn
import pytest

from trader_cli.ledger import Ledger

URL = "sqlite:///trader.db"


@pytest.mark.usefixtures("real_migrations")
def test_a_ledger_that_is_made_like_the_last_one_is_the_one_that_migrations_make(tmp_path: Path) -> None:
    def told(name: str) -> list[tuple[object, ...]]:
        folder = tmp_path / name
        folder.mkdir()
        Ledger.open(URL, folder).close()
        with closing(sqlite3.connect(folder / "trader.db")) as made:
            schema = made.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name").fetchall()
            tables = [name for kind, name, *_ in schema if kind == "table"]
            rows = [(name, made.execute(f'SELECT * FROM "{name}"').fetchall()) for name in tables]
            settings = [
                made.execute(f"PRAGMA {one}").fetchall() for one in ("journal_mode", "user_version", "page_size")
            ]
        return [*schema, *rows, *settings]

    migrated = told("migrated")
    newborn.remember()
    assert told("first") == migrated
    assert told("second") == migrated
