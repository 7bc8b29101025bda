"""The kill switch as a user reaches for it: every call a process of its own, the ledger between them."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest
from program import trader

from trader_cli.ledger import Ledger
from trader_cli.ledger.schema import HEAD
from trader_cli.ledger.verify import verify

OLD = Path(__file__).parent.parent / "ledger" / "ledger-0001.sql"


@pytest.mark.req("R0.9")
@pytest.mark.req("R2.5")
def test_a_halt_outlives_the_process_and_a_reason_ends_it(home: Path) -> None:
    assert trader("risk", "halt", "--reason", "odd prices", home=home).code == 0
    assert trader("risk", "halt", "--wallet", "grid", "--reason", "too wide", "--close-positions", home=home).code == 0
    status = trader("risk", "status", "--json", home=home).json["result"]
    halted = [(one["scope"], one["close_positions"]) for one in status["scopes"] if one["state"] == "halted"]
    assert sorted(halted) == [("all", False), ("grid", True)]
    refused = trader("risk", "resume", "--json", home=home)
    assert refused.code == 2
    assert refused.json["error"]["message"] == "missing option `--reason`"
    assert trader("risk", "status", "--json", home=home).json["result"]["halted"] is True
    done = trader("risk", "resume", "--reason", "looked at it", home=home)
    assert done.code == 0
    assert "odd prices" in done.out
    assert "still halted: wallet `grid`" in done.out
    assert trader("risk", "resume", "--wallet", "grid", "--reason", "narrow again", home=home).code == 0
    again = trader("risk", "resume", "--reason", "twice", home=home)
    assert (again.code, again.out) == (0, "nothing to resume: the whole account is not halted\n")
    assert trader("ledger", "verify", home=home).code == 0


@pytest.mark.req("R0.9")
def test_a_kill_during_a_halt_leaves_it_halted_or_not_and_the_ledger_whole(home: Path) -> None:
    """Whatever the moment, the next halt ends halted, with exactly one halt for each resumption."""
    assert trader("risk", "resume", "--reason", "make nothing", home=home).code == 0
    for milliseconds in (300, 600, 900):
        process = subprocess.Popen(
            [sys.executable, "-m", "trader_cli", "risk", "halt", "--reason", "now"],
            env={**os.environ, "TRADER_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert trader("risk", "halt", "--reason", "again", home=home).code == 0
        ledger = Ledger.open("sqlite:///trader.db", home, create=False)
        assert list(ledger.halted()) == ["all"]
        kinds = [one.kind for one in reversed(ledger.risk_events(100))]
        assert kinds == ["halt", "resume"] * (len(kinds) // 2) + ["halt"]
        assert verify(ledger) == []
        ledger.close()
        assert trader("risk", "resume", "--reason", "over", home=home).code == 0


@pytest.mark.req("R4.1")
def test_a_ledger_of_the_first_release_is_copied_migrated_and_halted(home: Path, tmp_path: Path) -> None:
    """The hints of the error are the way, in their order."""
    with closing(sqlite3.connect(home / "trader.db")) as raw:
        raw.executescript(OLD.read_text("utf-8"))
    refused = trader("risk", "status", home=home)
    assert refused.code == 4
    assert "`trader ledger backup FILE`, then `trader ledger migrate`" in refused.err
    copy = tmp_path / "copy.db"
    done = trader("ledger", "backup", str(copy), home=home)
    assert done.code == 0, done.err
    migrated = trader("ledger", "migrate", "--json", home=home)
    assert migrated.json["result"] == {"before": "0001", "after": HEAD}
    assert trader("ledger", "verify", home=home).code == 0
    assert trader("risk", "halt", "--reason", "x", home=home).code == 0
    assert len(trader("report", "--days", "0", "--json", home=home).json["result"]["runs"]) == 2
    assert copy.stat().st_size > 0
