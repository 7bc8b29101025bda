"""Law 5: the ledger adds up; and one flipped byte or one missing row anywhere is found and named."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from books import event, record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from research_book import fill_research
from scans_book import fill_scans
from sessions_book import fill_a_ledger
from sqlalchemy import Dialect, UniqueConstraint, inspect, select

from trader_cli.ledger import Ledger, schema
from trader_cli.ledger.database import reading
from trader_cli.ledger.verify import Finding, verify

URL = "sqlite:///trader.db"
COMPILED: dict[object, object] = {}
DIALECTS: list[Dialect] = []


def judged(folder: Path) -> list[Finding]:
    try:
        ledger = Ledger.open(URL, folder, create=False)
    except Exception as error:
        from trader_cli.errors import DataError

        assert isinstance(error, DataError), error
        return [Finding("file", None, error.message)]
    # Hundreds of ledgers are judged here: the queries are compiled once for all of them, which is once a dialect.
    if not DIALECTS:
        DIALECTS.append(ledger.engine.dialect)
    ledger.engine.dialect = DIALECTS[0]
    ledger.engine = ledger.engine.execution_options(compiled_cache=COMPILED)
    try:
        return verify(ledger)
    finally:
        ledger.close()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), count=st.integers(0, 60), symbols=st.integers(1, 3))
@pytest.mark.req("X4")
def test_entries_sum_to_zero_in_every_asset_and_balances_are_the_engines(
    tmp_path_factory, seed, count, symbols
) -> None:
    ledger = Ledger.open(URL, tmp_path_factory.mktemp("law"))
    run = record(seed, count, symbols)
    ledger.record_run(run)
    with reading(ledger.engine, ledger.path) as connection:
        e, a = schema.entries, schema.accounts
        rows = connection.execute(
            select(e.c.txn, a.c.name, a.c.asset, e.c.amount).join_from(e, a, e.c.account == a.c.id)
        ).all()
    by_txn: dict[tuple[int, str], int] = defaultdict(int)
    balance: dict[str, int] = defaultdict(int)
    for txn, name, asset, amount in rows:
        by_txn[txn, asset] += amount
        balance[name] += amount
    assert set(by_txn.values()) <= {0}
    assert balance["assets:cash:USD"] == run.cash_end
    assert balance["expenses:fees:USD"] == int(run.fills.fee.sum())
    assert -balance["income:trading:USD"] == int((run.round_trips.sold - run.round_trips.bought).sum())
    for one, held in zip(run.instruments, run.holdings, strict=True):
        assert balance[f"assets:holding:{one.base}"] == held
    assert verify(ledger) == []
    ledger.close()


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sound")
    ledger = Ledger.open(URL, folder)
    for seed in (1, 2):
        ledger.record_run(record(seed, 30))
    ledger.record_run(record(3, 30, wallets=3, rest=10**9))
    ledger.record_event(1_600_000_000_000, "backup", "copied")
    ledger.record_risk_event(event(9))
    ledger.halt(1_600_000_000_000, "all", "sleep", rule="drawdown", number="21.5", limit="20", unit="%")
    ledger.halt(1_600_000_000_001, "grid", "by hand", close_positions=True)
    ledger.resume(1_600_000_000_002, "all", "seen")
    ledger.store_swings("digest|S0/USD|1m|2", [(0, 2, 1.5, "high"), (5, 7, 0.1, "low")])
    ledger.store_swings("digest|S1/USD|1m|2", [])
    fill_a_ledger(ledger)
    fill_research(ledger)
    fill_scans(ledger)
    ledger.close()
    with closing(sqlite3.connect(folder / "trader.db")) as raw:
        raw.execute("PRAGMA journal_mode=DELETE")
    assert judged(folder) == []
    return folder


TABLES = [table.name for table in schema.APPEND_ONLY] + ["chain_heads"]


def unlocked(path: Path, table: str) -> sqlite3.Connection:
    """A connection on which a table's triggers stand aside, as a forger's would; they are put back by `relock`."""
    raw = sqlite3.connect(path)
    for pragma in ("foreign_keys=OFF", "synchronous=OFF", "journal_mode=MEMORY"):
        raw.execute(f"PRAGMA {pragma}")
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?"
    raw.execute("CREATE TABLE temp_triggers (sql TEXT)")
    for name, sql in raw.execute(query, (table,)).fetchall():
        raw.execute(f"DROP TRIGGER {name}")
        raw.execute("INSERT INTO temp_triggers VALUES (?)", (sql,))
    return raw


def relock(raw: sqlite3.Connection) -> None:
    for (sql,) in raw.execute("SELECT sql FROM temp_triggers").fetchall():
        raw.execute(sql)
    raw.execute("DROP TABLE temp_triggers")
    raw.commit()
    raw.close()


@pytest.mark.req("R4.1")
@pytest.mark.req("X4")
@pytest.mark.parametrize("table", TABLES)
def test_every_column_of_every_table_is_proved(sound: Path, tmp_path: Path, table: str, monkeypatch) -> None:
    """Change one value at a time, in the first, a middle and the last row of each column."""
    # The first finding will do, and the chains are followed before anything is derived.
    monkeypatch.setattr("trader_cli.ledger.verify._MOST", 1)
    missed = []
    with closing(sqlite3.connect(sound / "trader.db")) as raw:
        columns = [row[1] for row in raw.execute(f"PRAGMA table_info({table})")]
        keys = [row[1] for row in raw.execute(f"PRAGMA table_info({table})") if row[5]]
        order = ", ".join(keys)
        rows = raw.execute(f"SELECT {order} FROM {table} ORDER BY {order}").fetchall()
    for column in columns:
        for key in {rows[0], rows[len(rows) // 2], rows[-1]}:
            folder = tmp_path / "one"
            shutil.copytree(sound, folder)
            raw = unlocked(folder / "trader.db", table)
            where = " AND ".join(f"{name} = ?" for name in keys)
            value = raw.execute(f"SELECT {column} FROM {table} WHERE {where}", key).fetchone()[0]
            raw.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (changed(value), *key))
            relock(raw)
            found = judged(folder)
            if not found:
                missed.append((table, column, key))
            shutil.rmtree(folder)
    assert missed == []


def changed(value: object) -> object:
    if isinstance(value, int):
        return value + 1_000_000
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    text = str(value)
    return ("x" if text[:1] != "x" else "y") + text[1:]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("which", ["first", "middle", "last"])
def test_a_missing_row_is_found_and_named(sound: Path, tmp_path: Path, table: str, which: str) -> None:
    folder = tmp_path / "one"
    shutil.copytree(sound, folder)
    raw = unlocked(folder / "trader.db", table)
    keys = [row[1] for row in raw.execute(f"PRAGMA table_info({table})") if row[5]]
    rows = raw.execute(f"SELECT {', '.join(keys)} FROM {table} ORDER BY {', '.join(keys)}").fetchall()
    key = rows[{"first": 0, "middle": len(rows) // 2, "last": -1}[which]]
    raw.execute(f"DELETE FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in keys)}", key)
    relock(raw)
    found = judged(folder)
    assert found
    covering = {"entries": "transactions", "fills": "transactions", "chain_heads": str(key[0])}.get(table, table)
    if table != "chain_heads":
        number = key[0]
        assert any(one.table == covering and one.row is not None and abs(one.row - number) <= 1 for one in found), found
    else:
        assert any(one.table == covering for one in found), found


def test_a_flipped_byte_in_the_file_is_found_unless_nothing_used_it(sound: Path, tmp_path: Path) -> None:
    """Random bytes of the raw file: whatever `verify` passes must read back as exactly the rows that were written."""
    rng = random.Random(20260101)
    raw = (sound / "trader.db").read_bytes()
    before = dump(sound / "trader.db")
    unseen = 0
    for _ in range(60):
        folder = tmp_path / "one"
        folder.mkdir(exist_ok=True)
        spot = rng.randrange(100, len(raw))
        (folder / "trader.db").write_bytes(raw[:spot] + bytes([raw[spot] ^ (1 << rng.randrange(8))]) + raw[spot + 1 :])
        if not judged(folder):
            unseen += 1
            assert dump(folder / "trader.db") == before, f"byte {spot} changed a row and was not found"
        for file in folder.iterdir():
            file.unlink()
    assert unseen < 60


def dump(path: Path) -> list[object]:
    with closing(sqlite3.connect(path)) as raw:
        return [raw.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES]


def test_written_rows_cannot_be_changed_or_deleted(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path / "one")
    with closing(sqlite3.connect(tmp_path / "one" / "trader.db")) as raw:
        for table in (one.name for one in schema.APPEND_ONLY):
            for statement in (
                f"DELETE FROM {table}",
                f"UPDATE {table} SET rowid = rowid" if table != "entries" else "UPDATE entries SET amount = 0",
            ):
                with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                    raw.execute(statement)


@pytest.mark.usefixtures("real_migrations")
def test_the_schema_of_the_migrations_is_the_schema_of_the_program(tmp_path: Path) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", "trader_cli.ledger:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD
    ledger = Ledger.open(URL, tmp_path)
    stored = inspect(ledger.engine)
    assert set(stored.get_table_names()) - {"alembic_version"} == set(schema.metadata.tables)
    for name, table in schema.metadata.tables.items():
        columns = [(column["name"], str(column["type"]), column["nullable"]) for column in stored.get_columns(name)]
        wanted = [(c.name, c.type.compile(ledger.engine.dialect), c.nullable) for c in table.columns]
        assert columns == wanted
        assert {one["name"] for one in stored.get_indexes(name)} == {one.name for one in table.indexes}
        only = {tuple(one["column_names"]) for one in stored.get_unique_constraints(name)}
        asked = {tuple(c.name for c in one.columns) for one in table.constraints if isinstance(one, UniqueConstraint)}
        assert only == asked
    ledger.close()
