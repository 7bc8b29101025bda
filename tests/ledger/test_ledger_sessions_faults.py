"""Sessions when things break: two writers at once, a kill in the middle of a step, a busy, full or read-only file."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from sessions_book import live_records, opening_of, record, records_of, session_of, ticket

from trader_cli.errors import DataError
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify

URL = "sqlite:///trader.db"
HERE = Path(__file__).parent
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from pathlib import Path\n"
    "from sessions_book import *\n"
    "from trader_cli.errors import LeaseError\n"
    "from trader_cli.ledger import Ledger\n"
    "ledger = Ledger.open('sqlite:///trader.db', Path(sys.argv[2]))\n"
)


def start(text: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM + text, str(HERE), *arguments]
    call = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    assert call.stdout is not None
    assert call.stdout.readline() == "ready\n"
    return call


@pytest.mark.req("X2")
def test_of_two_processes_that_write_the_same_steps_each_step_is_written_by_one(tmp_path: Path) -> None:
    """E1 without a lease: the loser of every step is told, and no order is written twice (A15)."""
    run = record(3, 40, run_id="live")
    ledger = Ledger.open(URL, tmp_path)
    ledger.open_session(session_of(run, "live", "kraken", "a1"), opening_of(run))
    text = (
        "tickets, steps = live_records(record(3, 40, run_id='live'), range(4, 44, 4))\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "won = asked = 0\n"
        "for i, step in enumerate(steps):\n"
        "    asked += sum(ledger.add_ticket(one) for one in tickets[4 * i : 4 * i + 4])\n"
        "    try:\n"
        "        ledger.write_step('live', step)\n"
        "        won += 1\n"
        "    except LeaseError:\n"
        "        pass\n"
        "print(won, asked)\n"
    )
    calls = [start(text, str(tmp_path)) for _ in range(2)]
    results = []
    for call in calls:
        assert call.stdin is not None
        call.stdin.write("go\n")
        call.stdin.flush()
    for call in calls:
        out, _ = call.communicate(timeout=120)
        assert call.returncode == 0
        results.append([int(one) for one in out.split()])
    assert [sum(column) for column in zip(*results, strict=True)] == [10, 40]
    assert ledger.last_step("live").digest == run.digest
    assert len(ledger.orders("live")) == 40
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("X2")
def test_a_kill_while_steps_are_written_leaves_whole_steps_e10(tmp_path: Path) -> None:
    text = (
        "run = record(5, 4000, run_id=sys.argv[3])\n"
        "steps = records_of(run, range(40, 4040, 40))\n"
        "ledger.open_session(session_of(run, account=sys.argv[3]), opening_of(run))\n"
        "print('ready', flush=True)\n"
        "for step in steps: ledger.write_step(run.run_id, step)\n"
    )
    Ledger.open(URL, tmp_path).close()
    for i, milliseconds in enumerate((15, 60, 140)):
        call = start(text, str(tmp_path), f"try{i}")
        time.sleep(milliseconds / 1000)
        call.send_signal(signal.SIGKILL)
        call.wait()
        for pipe in (call.stdout, call.stdin):
            assert pipe is not None
            pipe.close()
        ledger = Ledger.open(URL, tmp_path)
        step = ledger.last_step(f"try{i}")
        assert step.fill_count == 40 * step.seq == len(ledger.session_fills(f"try{i}"))
        assert verify(ledger) == []
        # The next run goes on from there.
        run = record(5, 4000, run_id=f"try{i}")
        ledger.write_step(run.run_id, records_of(run, range(40, 4040, 40))[step.seq])
        assert ledger.last_step(run.run_id).seq == step.seq + 1
        ledger.close()


@pytest.mark.req("X2")
def test_a_fault_at_any_statement_of_a_step_leaves_nothing_of_it(tmp_path: Path) -> None:
    """Enumerated: the n-th statement that writes fails, for every n until a step gets through."""
    from sqlalchemy import event

    run = record(12, 12, run_id="live", wallets=2)
    ledger = Ledger.open(URL, tmp_path)
    ledger.open_session(session_of(run, "live", "kraken", "a1"), opening_of(run))
    tickets, (step,) = live_records(run, (12,))
    for one in tickets:
        ledger.add_ticket(one)
    left = [0]

    def fail(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith(("INSERT", "UPDATE")):
            left[0] -= 1
            if left[0] == 0:
                raise sqlite3.OperationalError("disk I/O error")

    event.listen(ledger.engine, "before_cursor_execute", fail)
    failed = 0
    while True:
        left[0] = failed + 1
        try:
            ledger.write_step("live", step)
            break
        except (DataError, sqlite3.OperationalError):
            failed += 1
        assert ledger.last_step("live").seq == 0
        assert len(ledger.orders("live", open_only=True)) == 12
        assert ledger.trade_ids("live") == set()
    # Transactions, entries, fills, accounts, trades, whose they are, the venue's trades, step, events, risk: rows and heads.
    assert failed == 22
    assert verify(ledger) == []
    assert ledger.last_step("live").digest == run.digest
    ledger.close()


def test_a_busy_ledger_is_an_error_and_no_order_is_written_e6(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trader_cli.ledger.database._BUSY_SECONDS", 0)
    run = record(1, 12)
    ledger = Ledger.open(URL, tmp_path)
    ledger.open_session(session_of(run), opening_of(run))
    with closing(sqlite3.connect(tmp_path / "trader.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="locked"):
            ledger.add_ticket(ticket(run.run_id, 1))
        with pytest.raises(DataError, match="locked"):
            ledger.write_step(run.run_id, records_of(run, (12,))[0])
        assert ledger.last_step(run.run_id).seq == 0
        other.execute("ROLLBACK")
    assert ledger.orders(run.run_id) == []
    assert ledger.add_ticket(ticket(run.run_id, 1))
    ledger.close()


def test_a_full_disk_is_an_error_and_leaves_nothing_of_a_step_e5(tmp_path: Path) -> None:
    from sqlalchemy import event

    run = record(1, 3000)
    ledger = Ledger.open(URL, tmp_path)
    ledger.open_session(session_of(run), opening_of(run))

    @event.listens_for(ledger.engine, "begin")
    def limit(connection) -> None:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count={pages + 3}")

    with pytest.raises(DataError, match="full"):
        ledger.write_step(run.run_id, records_of(run, (3000,))[0])
    assert ledger.last_step(run.run_id).seq == 0
    assert verify(ledger) == []
    ledger.close()


def test_a_read_only_ledger_is_an_error_before_any_order_e7(tmp_path: Path) -> None:
    from sqlalchemy import event

    run = record(1, 12)
    ledger = Ledger.open(URL, tmp_path)
    ledger.open_session(session_of(run), opening_of(run))

    @event.listens_for(ledger.engine, "connect")
    def only_read(raw, _) -> None:
        raw.execute("PRAGMA query_only=ON")

    ledger.engine.dispose()
    with pytest.raises(DataError, match="readonly"):
        ledger.add_ticket(ticket(run.run_id, 1))
    ledger.close()
