"""Export, backup, migration, and what happens when the machine or the disk gives up."""

from __future__ import annotations

import csv
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest
from beancount import loader
from books import CASH, record

from trader_cli.errors import DataError, UsageError
from trader_cli.ledger import Ledger
from trader_cli.ledger.backup import backup
from trader_cli.ledger.export import export
from trader_cli.ledger.verify import verify

URL = "sqlite:///trader.db"
HERE = Path(__file__).parent


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    made = Ledger.open(URL, tmp_path)
    for seed in (1, 2):
        made.record_run(record(seed, 25))
    yield made
    made.close()


def test_runs_are_found_by_the_beginning_of_their_id(ledger: Ledger) -> None:
    assert [one.run_id for one in ledger.runs()] == ["run-2-25", "run-1-25"]
    assert ledger.run("run-1").stats["sharpe"] == 1.5
    with pytest.raises(UsageError, match="could be 2 runs"):
        ledger.run("run")
    with pytest.raises(UsageError, match="there is no run"):
        ledger.run("walk")
    assert len(ledger.rows("fills", "run-1-25")) == 25
    assert len(ledger.rows("trades", "run-1-25")) == len(record(1, 25).round_trips)


def test_beancount_accepts_the_export_and_its_balances_are_ours(ledger: Ledger, tmp_path: Path) -> None:
    files = export(ledger, tmp_path / "out", None)
    names = ["runs.csv", "fills.csv", "trades.csv", "wallets.csv", "risk_events.csv", "entries.csv"]
    names += ["scans.csv", "scan_left_out.csv", "scan_signals.csv", "ledger.beancount"]
    assert [path.name for path in files] == names
    entries, errors, _ = loader.load_file(str(files[-1]))
    assert errors == []
    cash = sum(
        posting.units.number
        for entry in entries
        for posting in getattr(entry, "postings", [])
        if posting.account == "Assets:Run-RUN-1-25:Cash:USD"
    )
    assert cash == Decimal(record(1, 25).cash_end).scaleb(-8)


def test_csv_files_hold_exact_decimals(ledger: Ledger, tmp_path: Path) -> None:
    export(ledger, tmp_path / "out", "run-2")
    with (tmp_path / "out" / "fills.csv").open() as file:
        rows = list(csv.DictReader(file))
    run = record(2, 25)
    assert len(rows) == 25
    assert sum(Decimal(row["fee"]) for row in rows) == Decimal(int(run.fills.fee.sum())).scaleb(-8)
    with (tmp_path / "out" / "runs.csv").open() as file:
        (only,) = csv.DictReader(file)
    assert Decimal(only["cash_start"]) == Decimal(CASH).scaleb(-8)


def test_a_backup_made_while_another_process_writes_is_consistent(ledger: Ledger, tmp_path: Path) -> None:
    stop = threading.Event()

    def write() -> None:
        other = Ledger.open(URL, tmp_path)
        seed = 100
        while not stop.is_set():
            other.record_run(record(seed, 200))
            seed += 1
        other.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(5):
            assert backup(ledger, tmp_path / f"copy{i}.db", force=False, now_ms=0) > 0
    finally:
        stop.set()
        writer.join()
    for i in range(5):
        copy = Ledger.open(f"sqlite:///copy{i}.db", tmp_path, create=False)
        assert verify(copy) == []
        copy.close()


def test_a_backup_replaces_nothing_unasked(ledger: Ledger, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(UsageError, match="is there already"):
        backup(ledger, target, force=False, now_ms=0)
    assert target.read_text() == "mine"
    assert backup(ledger, target, force=True, now_ms=0) > 0
    assert [path.name for path in tmp_path.glob(".copy*")] == []


def test_two_processes_that_write_at_once_both_succeed(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\nfrom books import record\nfrom trader_cli.ledger import Ledger\n"
        "ledger = Ledger.open('sqlite:///trader.db', Path(sys.argv[2]))\n"
        "for i in range(5): ledger.record_run(record(i, 50, run_id=f'{sys.argv[3]}-{i}'))\n"
    )
    calls = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(HERE), str(tmp_path), name], stderr=subprocess.PIPE, text=True
        )
        for name in ("a", "b")
    ]
    for call in calls:
        _, err = call.communicate(timeout=120)
        assert call.returncode == 0, err
    ledger = Ledger.open(URL, tmp_path)
    assert len(ledger.runs()) == 10
    assert verify(ledger) == []
    ledger.close()


def test_a_kill_while_recording_leaves_all_of_the_run_or_nothing(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from pathlib import Path\nfrom books import record\nfrom trader_cli.ledger import Ledger\n"
        "ledger = Ledger.open('sqlite:///trader.db', Path(sys.argv[2]))\n"
        "runs = [record(i, 4000, run_id=f'{sys.argv[3]}-{i}') for i in range(3)]\n"
        "print('ready', flush=True)\n"
        "for run in runs: ledger.record_run(run)\n"
    )
    Ledger.open(URL, tmp_path).close()
    for i, milliseconds in enumerate((20, 60, 100, 150, 220)):
        call = subprocess.Popen(
            [sys.executable, "-c", program, str(HERE), str(tmp_path), f"try{i}"], stdout=subprocess.PIPE, text=True
        )
        assert call.stdout is not None
        call.stdout.readline()
        time.sleep(milliseconds / 1000)
        call.send_signal(signal.SIGKILL)
        call.wait()
        call.stdout.close()
        ledger = Ledger.open(URL, tmp_path)
        assert verify(ledger) == []
        ledger.close()


def test_a_full_database_is_an_error_and_changes_nothing(ledger: Ledger) -> None:
    from sqlalchemy import event

    @event.listens_for(ledger.engine, "begin")
    def limit(connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 3}")

    with pytest.raises(DataError, match="full"):
        ledger.record_run(record(9, 3000))
    assert len(ledger.runs()) == 2
    assert verify(ledger) == []


def test_a_missing_ledger_is_not_made_by_a_reader(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no ledger"):
        Ledger.open(URL, tmp_path, create=False)
    assert list(tmp_path.iterdir()) == []


def test_other_schemas_and_other_databases_are_refused(tmp_path: Path) -> None:
    Ledger.open(URL, tmp_path).close()
    for version, says in (("0000", "this program needs"), ("9999", "newer than this program")):
        with closing(sqlite3.connect(tmp_path / "trader.db")) as raw, raw:
            raw.execute("UPDATE alembic_version SET version_num = ?", (version,))
        with pytest.raises(DataError, match=says):
            Ledger.open(URL, tmp_path)
    with closing(sqlite3.connect(tmp_path / "other.db")) as raw, raw:
        raw.execute("CREATE TABLE mine (x)")
    with pytest.raises(DataError, match="no ledger"):
        Ledger.open("sqlite:///other.db", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_one_may_not_write_to_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(DataError, match="choose a folder|unable"):
        Ledger.open(URL, tmp_path / "deep")


def test_a_damaged_ledger_is_not_copied_over_a_good_backup(ledger: Ledger, tmp_path: Path) -> None:
    good = tmp_path / "copy.db"
    backup(ledger, good, force=False, now_ms=0)
    before = good.read_bytes()
    with closing(sqlite3.connect(tmp_path / "trader.db")) as raw, raw:
        raw.execute("DROP TRIGGER fills_no_update")
        raw.execute("UPDATE fills SET price = price + 1 WHERE txn = 3")
    with pytest.raises(DataError, match="damaged"):
        backup(ledger, good, force=True, now_ms=0)
    assert good.read_bytes() == before


def test_a_new_ledger_is_its_owners_alone(tmp_path: Path) -> None:
    ledger = Ledger.open("sqlite:///trader.db", tmp_path)
    ledger.record_event(0, "test", "so that its other files are there")
    files = [*tmp_path.glob("trader.db*")]
    assert files
    assert {oct(one.stat().st_mode & 0o777) for one in files} == {"0o600"}
    ledger.close()
