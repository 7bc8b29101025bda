"""Opening the database: pragmas, schema version, and foreign errors as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

from trader_cli.errors import DataError, UsageError
from trader_cli.ledger.schema import HEAD, KNOWN

_BUSY_SECONDS = 30


def sqlite_path(url: str, home: Path) -> Path | None:
    """Return the file behind a SQLite URL, relative ones under `home`; None for memory or another database."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise UsageError(
            f"`ledger.url` is `{url}`, that is no database URL", "write e.g. `sqlite:///trader.db`"
        ) from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return home / str(parsed.database)


def connect(url: str, home: Path, *, create: bool = True) -> tuple[Engine, Path | None]:
    """Return (engine, file) for a URL; a missing SQLite file is made only with `create`."""
    path = sqlite_path(url, home)
    if path is not None:
        if not path.exists():
            if not create:
                raise DataError(f"there is no ledger at `{path}`", "run a backtest first, or name another `--home`")
            with translated(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                # What somebody owns and trades is nobody else's to read; SQLite gives its other files the same rights.
                path.touch(mode=0o600)
        url = f"sqlite:///{path}"
    try:
        engine = create_engine(url)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(f"`ledger.url`: {error}", "install that database's driver, or use SQLite") from error
    if path is not None:
        event.listen(engine, "connect", _configure)
        event.listen(engine, "begin", _begin)
    return engine, path


def _configure(raw: Any, _: object) -> None:
    raw.isolation_level = None  # we say BEGIN ourselves, so that a writer takes its lock at once
    # 64 MiB of cache: a large run then reaches the log once, not page by page again and again.
    pragmas = ("foreign_keys=ON", f"busy_timeout={_BUSY_SECONDS * 1000}", "cache_size=-65536")
    for pragma in (*pragmas, "journal_mode=WAL", "synchronous=FULL"):
        raw.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


@contextmanager
def reading(engine: Engine, path: Path | None) -> Iterator[Connection]:
    """Give a connection that sees one consistent state."""
    with translated(path), engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine, path: Path | None) -> Iterator[Connection]:
    """Give a connection whose work is committed whole, or not at all."""
    with (
        translated(path),
        engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        yield connection


@contextmanager
def translated(path: Path | None) -> Iterator[None]:
    """Turn database and file errors into a DataError that names the file and the cure."""
    where = f"`{path}`" if path is not None else "the ledger"
    try:
        yield
    except DBAPIError as error:
        text = str(error.orig)
        raise DataError(f"{where}: {text}", *_cures(text, path)) from error
    except OSError as error:
        raise DataError(f"{where}: {error.strerror}", "choose a folder you may write to: `--home DIR`") from error


def _cures(text: str, path: Path | None) -> list[str]:
    if "locked" in text:
        return [f"another run has held it for {_BUSY_SECONDS} s; try again"]
    if "readonly" in text or "unable to open" in text:
        return ["choose a folder you may write to: `--home DIR`"]
    if "full" in text:
        return ["free some space and run the command again; nothing was half written"]
    if "malformed" in text or "not a database" in text:
        return [f"`trader ledger verify` says what is wrong; put your newest backup in place of `{path}`"]
    if "append-only" in text:
        return ["ledger rows are never changed; a correction is a new row"]
    return ["`trader ledger verify` says what is wrong"]


def version_of(connection: Connection) -> str | None:
    """Return the schema's version, None for an empty database."""
    from sqlalchemy import inspect

    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.exec_driver_sql("SELECT version_num FROM alembic_version").first()
    return str(row[0]) if row else None


def migrate(connection: Connection) -> None:
    """Bring the schema to HEAD on a writing connection."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "trader_cli.ledger:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def require_head(version: str | None, path: Path | None, *, older: bool = False) -> None:
    """Raise DataError unless the schema is the one this program writes, or with `older` one it wrote before."""
    if version == HEAD or (older and version in KNOWN):
        return
    where = f"`{path}`" if path is not None else "the ledger"
    if version is None:
        raise DataError(f"{where} is a database, but no ledger", "name another file in `ledger.url`")
    if version < HEAD:
        raise DataError(
            f"{where} has schema {version}, this program needs {HEAD}",
            "`trader ledger backup FILE`, then `trader ledger migrate`",
        )
    raise DataError(f"{where} has schema {version}, newer than this program's {HEAD}", "upgrade the program")
