"""A consistent copy while another process writes, and the way to a newer schema."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from trader_cli.errors import DataError, UsageError
from trader_cli.ledger.database import connect, migrate, reading, translated, version_of, writing
from trader_cli.ledger.ledger import Ledger
from trader_cli.ledger.verify import verify


def backup(ledger: Ledger, file: Path, *, force: bool, now_ms: int) -> int:
    """Copy the ledger to `file` through SQLite's online backup, prove the copy, put it in place; return its size in bytes."""
    if ledger.path is None:
        raise UsageError("only a SQLite ledger is a file", "use your database server's own backup")
    if file.exists() and not force:
        raise UsageError(f"`{file}` is there already", "choose another name, or replace it with `--force`")
    if file.absolute() == ledger.path.absolute():
        raise UsageError(f"`{file}` is the ledger itself", "choose another name")
    temporary = file.with_name(f".{file.name}.part")
    with translated(file):
        file.absolute().parent.mkdir(parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
    try:
        _copy(ledger.path, temporary)
        _prove(temporary)
        with translated(file):
            with temporary.open("rb+") as written:
                os.fsync(written.fileno())
            temporary.replace(file)
    finally:
        for rest in (temporary, *(temporary.with_name(temporary.name + end) for end in ("-wal", "-shm", "-journal"))):
            rest.unlink(missing_ok=True)
    ledger.record_event(now_ms, "backup", f"copied to {file.name}")
    return file.stat().st_size


def backup_at(url: str, home: Path, file: Path, *, force: bool, now_ms: int) -> int:
    """Copy the ledger behind a URL as `backup` does, one of an older schema too: the copy comes before the migration."""
    ledger = Ledger.open(url, home, create=False, older=True)
    try:
        return backup(ledger, file, force=force, now_ms=now_ms)
    finally:
        ledger.close()


def _copy(source: Path, target: Path) -> None:
    try:
        with closing(sqlite3.connect(source)) as read, closing(sqlite3.connect(target)) as write:
            read.backup(write, pages=256)
            # A copy of a WAL database would need its companions; as a plain file it stands alone.
            write.execute("PRAGMA journal_mode=DELETE")
    except sqlite3.Error as error:
        raise DataError(
            f"`{target.name}` could not be written: {error}", "free some space, or choose another folder"
        ) from error


def _prove(file: Path) -> None:
    copy = Ledger.open(f"sqlite:///{file.absolute()}", file.parent, create=False, older=True)
    try:
        findings = verify(copy)
    finally:
        copy.close()
    if findings:
        first = findings[0]
        raise DataError(
            f"the ledger is damaged ({first.table}: {first.message}); no backup was written over a good one",
            "`trader ledger verify` names everything that is wrong",
        )


def upgrade(url: str, home: Path, now_ms: int) -> tuple[str | None, str | None]:
    """Bring a ledger's schema to this program's; return the versions before and after."""
    engine, path = connect(url, home)
    try:
        with reading(engine, path) as connection:
            before = version_of(connection)
        with writing(engine, path) as connection:
            migrate(connection)
            after = version_of(connection)
        if before != after:
            Ledger(engine, path).record_event(now_ms, "migrate", f"schema {before or 'none'} to {after}")
    finally:
        engine.dispose()
    return before, after
