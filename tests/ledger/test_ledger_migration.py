"""From a blank file and from a ledger of the first release: nothing that was written changes, and it goes on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from books import event, record
from research_book import fill_research
from scans_book import fill_scans
from sessions_book import fill_a_ledger
from sqlalchemy import inspect, select

from trader_cli.errors import DataError
from trader_cli.ledger import Ledger, schema
from trader_cli.ledger.backup import backup, upgrade
from trader_cli.ledger.database import reading
from trader_cli.ledger.verify import verify

pytestmark = pytest.mark.usefixtures("real_migrations")
URL = "sqlite:///trader.db"
OLD = {version: Path(__file__).parent / f"ledger-{version}.sql" for version in ("0001", "0002", "0003", "0004")}


def old(folder: Path, version: str = "0001") -> Path:
    """A ledger as an earlier release wrote it: two runs, one backup event; dumped by sqlite3 from its own file."""
    path = folder / "trader.db"
    with closing(sqlite3.connect(path)) as raw:
        raw.executescript(OLD[version].read_text("utf-8"))
    return path


def dump(path: Path, version: str = "0001") -> dict[str, list[object]]:
    names = [one.name for one in schema.APPEND_ONLY if schema.is_in(one, version)]
    with closing(sqlite3.connect(path)) as raw:
        return {name: raw.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_migrating_a_blank_file_makes_a_ledger_and_again_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "trader.db").touch()
    assert upgrade(URL, tmp_path, 0) == (None, "0005")
    assert upgrade(URL, tmp_path, 0) == ("0005", "0005")
    ledger = Ledger.open(URL, tmp_path, create=False)
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R4.1")
def test_an_old_ledger_keeps_every_row_its_chains_and_takes_new_runs(tmp_path: Path) -> None:
    path = old(tmp_path)
    before = dump(path)
    assert len(before["runs"]) == 2
    assert upgrade(URL, tmp_path, 7) == ("0001", "0005")
    after = dump(path)
    # The migration notes itself: one system event more, and nothing else.
    assert after["system_events"][:-1] == before["system_events"]
    assert {**after, "system_events": None} == {**before, "system_events": None}
    ledger = Ledger.open(URL, tmp_path, create=False)
    assert verify(ledger) == []
    ledger.record_run(record(5, 20, wallets=2))
    ledger.record_run(record(6, 20))
    ledger.record_risk_event(event(1))
    ledger.halt(8, "all", "sleep")
    assert verify(ledger) == []
    (trade, *_) = ledger.rows("trades", "run-2-9")
    assert (trade["strategy"], trade["wallet"]) == ("random", "")
    assert [row["wallet"] for row in ledger.rows("fills", "run-2-9")] == [""] * 9
    assert ledger.rows("wallets", "run-2-9") == []
    ledger.close()


@pytest.mark.req("R4.1")
def test_a_ledger_of_the_second_release_keeps_every_row_and_takes_sessions_e17(tmp_path: Path) -> None:
    path = old(tmp_path, "0002")
    before = dump(path, "0002")
    ledger = Ledger.open(URL, tmp_path, create=False, older=True)
    assert verify(ledger) == []
    assert len(ledger.runs()) == 2
    ledger.close()
    with pytest.raises(DataError, match="has schema 0002, this program needs 0005"):
        Ledger.open(URL, tmp_path)
    assert upgrade(URL, tmp_path, 7) == ("0002", "0005")
    after = dump(path, "0002")
    assert after["system_events"][:-1] == before["system_events"]
    assert {**after, "system_events": None} == {**before, "system_events": None}
    ledger = Ledger.open(URL, tmp_path, create=False)
    assert verify(ledger) == []
    fill_a_ledger(ledger)
    assert verify(ledger) == []
    assert len(ledger.sessions()) == 2
    ledger.close()


@pytest.mark.req("R4.1")
def test_a_ledger_of_the_third_release_keeps_every_row_and_takes_research(tmp_path: Path) -> None:
    """What its runs were of is unvalidated before and after, and its sessions go on."""
    path = old(tmp_path, "0003")
    before = dump(path, "0003")
    ledger = Ledger.open(URL, tmp_path, create=False, older=True)
    assert verify(ledger) == []
    assert len(ledger.runs()) == 4
    assert backup(ledger, tmp_path / "copy.db", force=False, now_ms=0) > 0
    before["system_events"] = dump(path, "0003")["system_events"]
    ledger.close()
    with pytest.raises(DataError, match="has schema 0003, this program needs 0005"):
        Ledger.open(URL, tmp_path)
    assert upgrade(URL, tmp_path, 7) == ("0003", "0005")
    after = dump(path, "0003")
    assert after["system_events"][:-1] == before["system_events"]
    assert {**after, "system_events": None} == {**before, "system_events": None}
    ledger = Ledger.open(URL, tmp_path, create=False)
    assert verify(ledger) == []
    fill_research(ledger)
    ledger.record_run(record(5, 20))
    assert verify(ledger) == []
    assert len(ledger.sessions()) == 2
    assert backup(ledger, tmp_path / "other.db", force=False, now_ms=8) > 0
    ledger.close()
    copy = Ledger.open("sqlite:///other.db", tmp_path, create=False)
    assert [one.number for one in copy.trials("s1")] == list(range(6))
    assert len(copy.verdicts()) == 3
    copy.close()


@pytest.mark.req("R4.1")
def test_a_ledger_of_the_fourth_release_keeps_every_row_and_takes_scans(tmp_path: Path) -> None:
    path = old(tmp_path, "0004")
    before = dump(path, "0004")
    ledger = Ledger.open(URL, tmp_path, create=False, older=True)
    assert verify(ledger) == []
    verdicts = ledger.verdicts()
    ledger.close()
    with pytest.raises(DataError, match="has schema 0004, this program needs 0005"):
        Ledger.open(URL, tmp_path)
    assert upgrade(URL, tmp_path, 7) == ("0004", "0005")
    after = dump(path, "0004")
    assert after["system_events"][:-1] == before["system_events"]
    assert {**after, "system_events": None} == {**before, "system_events": None}
    ledger = Ledger.open(URL, tmp_path, create=False)
    assert verify(ledger) == []
    assert ledger.scans() == []
    fill_scans(ledger)
    ledger.record_run(record(5, 20))
    assert verify(ledger) == []
    assert repr(ledger.verdicts()) == repr(verdicts)
    assert len(ledger.scans()) == 2
    ledger.close()


@pytest.mark.parametrize("version", ["0001", "0002", "0003", "0004"])
def test_a_migrated_ledger_is_the_ledger_one_makes_anew(tmp_path: Path, version: str) -> None:
    old(tmp_path, version)
    upgrade(URL, tmp_path, 0)
    (tmp_path / "new").mkdir()
    made = [Ledger.open(URL, folder) for folder in (tmp_path, tmp_path / "new")]
    shapes = []
    for one in made:
        stored = inspect(one.engine)
        names = sorted(stored.get_table_names())
        columns = {
            name: [(c["name"], str(c["type"]), c["nullable"]) for c in stored.get_columns(name)] for name in names
        }
        indices = {name: sorted(str(i["name"]) for i in stored.get_indexes(name)) for name in names}
        only = {name: sorted(tuple(u["column_names"]) for u in stored.get_unique_constraints(name)) for name in names}
        shapes.append((columns, indices, only))
        with reading(one.engine, one.path) as connection:
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY name"
            shapes[-1] += (connection.exec_driver_sql(query).fetchall(),)
        one.close()
    assert shapes[0] == shapes[1]


def test_an_old_ledger_is_refused_until_it_is_copied_and_migrated(tmp_path: Path) -> None:
    """The cure that the error names must work: a backup of the old schema first, then the migration."""
    old(tmp_path)
    with pytest.raises(DataError, match="has schema 0001, this program needs 0005"):
        Ledger.open(URL, tmp_path)
    ledger = Ledger.open(URL, tmp_path, create=False, older=True)
    assert verify(ledger) == []
    assert backup(ledger, tmp_path / "copy.db", force=False, now_ms=0) > 0
    ledger.close()
    assert upgrade(URL, tmp_path, 0) == ("0001", "0005")
    assert upgrade("sqlite:///copy.db", tmp_path, 0) == ("0001", "0005")


def test_damage_in_an_old_ledger_is_found_before_and_after_it_is_migrated(tmp_path: Path) -> None:
    path = old(tmp_path)
    with closing(sqlite3.connect(path)) as raw, raw:
        trigger = raw.execute("SELECT sql FROM sqlite_master WHERE name = 'trades_no_update'").fetchone()[0]
        raw.execute("DROP TRIGGER trades_no_update")
        raw.execute("UPDATE trades SET pnl = pnl + 1 WHERE id = 1")
        raw.execute(trigger)
    ledger = Ledger.open(URL, tmp_path, create=False, older=True)
    assert next((one.table, one.row) for one in verify(ledger)) == ("trades", 1)
    ledger.close()
    upgrade(URL, tmp_path, 0)
    ledger = Ledger.open(URL, tmp_path, create=False)
    assert next((one.table, one.row) for one in verify(ledger)) == ("trades", 1)
    ledger.close()


def test_a_kill_during_the_migration_leaves_the_old_schema_or_the_new(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom trader_cli.ledger.backup import upgrade\n"
        "import alembic.command, trader_cli.ledger.migrations.versions.m0005_scans\n"
        "print('ready', flush=True)\nupgrade('sqlite:///trader.db', Path(sys.argv[1]), 0)\n"
    )
    ended = set()
    for i, milliseconds in enumerate((0, 15, 30, 60, 400)):
        folder = tmp_path / str(i)
        folder.mkdir()
        old(folder)
        call = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        assert call.stdout is not None
        call.stdout.readline()
        time.sleep(milliseconds / 1000)
        call.send_signal(signal.SIGKILL)
        call.wait()
        call.stdout.close()
        ledger = Ledger.open(URL, folder, create=False, older=True)
        with reading(ledger.engine, ledger.path) as connection:
            version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
            tables = set(inspect(connection).get_table_names())
        assert (
            ("halts" in tables)
            == ("steps" in tables)
            == ("trials" in tables)
            == ("scans" in tables)
            == (version == "0005")
        )
        assert verify(ledger) == []
        ledger.close()
        ended.add(upgrade(URL, folder, 0)[1])
    assert ended == {"0005"}


@pytest.mark.req("R4.1")
def test_the_ledger_holds_what_it_must(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    ledger.record_run(record(1, 30, wallets=4, strategies=2))
    wanted = {"trades", "strategies", "strategy_performance", "risk_events", "system_events", "fibonacci_levels"}
    assert wanted <= set(inspect(ledger.engine).get_table_names())
    with reading(ledger.engine, ledger.path) as connection:
        assert {row.validation for row in connection.execute(select(schema.strategies))} == {"unvalidated"}
    ledger.close()
