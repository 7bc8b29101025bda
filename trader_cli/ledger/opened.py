"""A ledger that is open: its file, and what every part of its face needs to read and write."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, Engine, inspect

from trader_cli.ledger.database import connect, migrate, reading, require_head, version_of, writing


class Opened:
    """One database of runs. Every write is one transaction: all of it, or nothing."""

    def __init__(self, engine: Engine, path: Path | None) -> None:
        self.engine = engine
        self.path = path

    @classmethod
    def open(cls, url: str, home: Path, *, create: bool = True, older: bool = False) -> Self:
        """Open a ledger, making it when it is missing and `create` is set.

        older: take one of an older schema too, to copy it before it is migrated. Raises DataError for a file that is no
        ledger, damaged, or of another schema.
        """
        engine, path = connect(url, home, create=create)
        try:
            with reading(engine, path) as connection:
                version = version_of(connection)
                empty = version is None and not inspect(connection).get_table_names()
            if empty and create:
                with writing(engine, path) as connection:
                    # Somebody else may have made it a moment ago.
                    if version_of(connection) is None:
                        migrate(connection)
            else:
                require_head(version, path, older=older)
        except BaseException:
            engine.dispose()
            raise
        return cls(engine, path)

    def close(self) -> None:
        """Give the file back."""
        self.engine.dispose()

    def _reading(self) -> AbstractContextManager[Connection]:
        return reading(self.engine, self.path)

    def _writing(self) -> AbstractContextManager[Connection]:
        return writing(self.engine, self.path)


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector from walking a million short-lived rows again and again: a third of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
