"""The home as the machine sees it: open files, full disks, leases of the living and the dead, damaged copies."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from trader_cli.config import health
from trader_cli.config.health import (
    check_copies,
    check_files,
    check_home,
    check_leases,
    clear_lease,
    damaged,
    leases,
    set_aside,
)
from trader_cli.config.lease import take_lease
from trader_cli.errors import LeaseError, UsageError


def test_a_file_that_every_user_can_read_is_named_with_its_cure(tmp_path: Path) -> None:
    for name, mode in (("trader.toml", 0o600), ("trader.db", 0o644)):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(mode)
    (one,) = check_files([tmp_path / "trader.toml", tmp_path / "trader.db", tmp_path / "none"])
    assert (one.status, one.number, one.cures) == ("warn", "trader.db", (f"`chmod 600 {tmp_path / 'trader.db'}`",))
    (tmp_path / "trader.db").chmod(0o640)
    (one,) = check_files([tmp_path / "trader.toml", tmp_path / "trader.db"])
    assert (one.status, one.number) == ("ok", "2")
    assert list(check_files([tmp_path / "none"])) == []


@pytest.mark.parametrize(
    ("free", "ledger", "status"),
    [
        # 64 MiB are 67,108,864 bytes.
        (67_108_863, 0, "fail"),
        (67_108_864, 0, "ok"),
        (67_108_864, 1, "warn"),
        (67_108_866, 1, "ok"),
    ],
)
def test_a_disk_without_room_for_a_run_fails_and_without_room_for_a_backup_warns_e5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, ledger: int, status: str
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=free))
    home, disk = check_home(tmp_path, ledger)
    assert home.status == "ok"
    assert (disk.status, disk.exit_code) == (status, 4 if status == "fail" else 0)


def test_a_home_that_is_not_there_is_no_failure_and_one_that_cannot_be_written_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (one,) = check_home(tmp_path / "none", 0)
    assert one.status == "ok"

    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(health.tempfile, "TemporaryFile", refuse)
    first = next(iter(check_home(tmp_path, 0)))
    assert (first.status, first.exit_code) == ("fail", 4)
    assert "Permission denied" in first.sentence


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the live lease until it is ended."""
    program = (
        "import sys, pathlib; from trader_cli.config.lease import take_lease;"
        f"lease = take_lease(pathlib.Path({str(tmp_path)!r}), 'live'); print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lease_that_is_held_names_its_process_and_is_not_cleared(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    (one,) = leases(tmp_path)
    assert (one.held, one.holder) == (True, other_process.pid)
    assert not clear_lease(one)
    (check,) = check_leases([one])
    assert check.sentence == f"`live` is held by process {other_process.pid}: a run is at work"
    with pytest.raises(LeaseError):
        take_lease(tmp_path, "live")


@pytest.mark.req("R0.8")
def test_a_killed_holders_mark_keeps_nobody_out_and_can_be_cleared_e2(
    tmp_path: Path, other_process: subprocess.Popen[str]
) -> None:
    other_process.kill()
    other_process.wait()
    (one,) = leases(tmp_path)
    assert (one.held, one.holder) == (False, other_process.pid)
    (check,) = check_leases([one])
    assert check.status == "ok"
    assert clear_lease(one)
    assert leases(tmp_path)[0].holder == 0
    take_lease(tmp_path, "live").release()


def test_looking_at_leases_makes_no_file_and_holds_none(tmp_path: Path) -> None:
    assert leases(tmp_path / "none") == []
    assert not (tmp_path / "none").exists()
    assert [one.number for one in check_leases([])] == ["0"]
    (tmp_path / "paper.lock").write_text("no number")
    assert leases(tmp_path)[0].holder == 0
    handle = os.open(tmp_path / "paper.lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(handle)


@pytest.mark.req("R0.8")
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 100_000])
def test_a_copy_that_is_damaged_is_set_aside_and_kept(tmp_path: Path, content: bytes) -> None:
    bad, good, none = tmp_path / "kraken.json", tmp_path / "kraken-rules.json", tmp_path / "none.json"
    bad.write_bytes(content)
    good.write_text("{}")
    assert damaged([bad, good, none]) == [bad]
    assert [one.status for one in check_copies([bad, good, none])] == ["warn"]
    assert set_aside(bad).read_bytes() == content
    (one,) = check_copies([bad, good, none])
    assert (one.status, one.number) == ("ok", "1")
    with pytest.raises(UsageError, match="cannot be moved"):
        set_aside(bad)
