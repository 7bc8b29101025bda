"""The program as a process: pipes, full and closed streams, signals, terminals without Unicode, what it costs to start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from program import trader

PROGRAM = [sys.executable, "-m", "trader_cli"]
READERS = [
    ["config", "show"],
    ["config", "explain", "costs.fee_bps"],
    ["config", "check"],
    ["data", "list"],
    ["data", "check", "AAPL"],
    ["strategy", "list"],
    ["strategy", "show", "momentum"],
    ["report"],
    ["ledger", "verify"],
]


def shell(line: str, home: Path, **env: str) -> subprocess.CompletedProcess[str]:
    whole = {**os.environ, "TRADER_HOME": str(home), "PROGRAM": " ".join(PROGRAM), **env}
    return subprocess.run(["bash", "-c", line], env=whole, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("words", [["config", "show"], ["config", "show", "--json"], ["--help"], ["data", "list"]])
@pytest.mark.parametrize("also_stderr", [False, True])
def test_a_pipe_that_nobody_reads_is_no_failure(home: Path, words: list[str], also_stderr: bool) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*PROGRAM, *words], stdout=writer, stderr=writer if also_stderr else subprocess.PIPE, text=True, timeout=60
    )
    os.close(writer)
    assert done.returncode == 0
    assert not done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("flag", ["", "--json"])
def test_an_output_that_is_full_is_code_4_in_one_sentence(home: Path, flag: str) -> None:
    done = shell(f"$PROGRAM config show {flag} > /dev/full", home)
    assert done.returncode == 4
    assert done.stderr.startswith("error: the disk is full\n")
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize("flag", ["", "--json"])
def test_closed_streams_change_nothing_but_what_is_seen(home: Path, flag: str) -> None:
    assert shell(f"$PROGRAM config show {flag} >&-", home).returncode == 0
    done = shell(f"$PROGRAM config shw {flag} 2>&-", home)
    assert done.returncode == 2
    assert not done.stderr


def test_a_terminal_without_unicode_is_served_all_the_same(home: Path) -> None:
    done = shell("$PROGRAM backtest demo_ma --timeframe 1d", home, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    listed = shell("$PROGRAM strategy show momentum --json", home, PYTHONIOENCODING="ascii")
    assert json.loads(listed.stdout)["ok"] is True


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from trader_cli.cli.main import run\n"
        "os.rmdir(os.getcwd())\n"
        "sys.exit(run(['config', 'check']))\n"
    )
    folder = tmp_path / "gone"
    folder.mkdir()
    env = {name: value for name, value in os.environ.items() if name != "TRADER_HOME"}
    done = subprocess.run(
        # -P: Python's own search of the current folder fails there, which is not what is asked here.
        [sys.executable, "-P", "-c", program],
        cwd=folder,
        env=env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: the current folder does not exist any more\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("flags", [(), ("--json",)])
def test_a_signal_ends_a_command_with_one_line_and_its_own_code(
    home: Path, number: signal.Signals, code: int, flags: tuple[str, ...]
) -> None:
    (home / "strategies").mkdir()
    # A strategy that is still at work when the signal comes.
    (home / "strategies" / "slow.py").write_text(
        "import sys, time\nfrom trader_cli.strategy import Strategy\n\n\nclass Slow(Strategy):\n"
        "    def targets(self, bars):\n        print('at work', file=sys.stderr, flush=True)\n        time.sleep(50)\n"
    )
    words = ["backtest", "slow", "--timeframe", "1d", *flags]
    with subprocess.Popen([*PROGRAM, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while (line := process.stderr.readline()) != "at work\n":
            assert line, "it ended before it was at work"
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
    assert process.returncode == code
    assert err == "interrupted: nothing was half written\n"
    if flags:
        assert json.loads(out)["error"]["code"] == "interrupted"
    else:
        assert out == ""


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_what_only_reads_makes_no_folder_and_no_file(tmp_path: Path, words: list[str]) -> None:
    home = tmp_path / "nowhere" / "home"
    done = trader(*words, home=home, cwd=tmp_path)
    assert done.code in (0, 4), done.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["backtset"],
        ["config", "shw"],
        ["config", "show", "--nope"],
        ["backtest"],
        ["report", "--limit", "x"],
        ["report", "--limit", "0"],
        ["config", "show", "--json", "--home"],
        ["config", "show", "surplus"],
        ["config", "show", "--set", "nonsense"],
        ["report", "--home", "x", "compare", "y"],
    ],
    ids=" ".join,
)
def test_every_wrong_use_is_a_sentence_a_cure_and_code_2_also_in_json(home: Path, words: list[str]) -> None:
    done = trader(*words, *([] if "--json" in words else ["--json"]), home=home)
    assert done.code == 2
    error = done.json["error"]
    assert error["code"] == "usage"
    first = error["message"][0]
    assert first in "`" or first.islower()
    assert not error["message"].endswith(".")
    assert "'" not in error["message"]
    assert error["hints"]
    assert done.err.startswith(f"error: {error['message']}\n\nhint: ")


def test_verbose_shows_the_traceback_however_it_is_asked_for(home: Path) -> None:
    assert "Traceback" not in trader("backtest", "nope", home=home).err
    for flags in (["-v"], ["--verbose"], ["-qv"]):
        assert "Traceback" in trader("backtest", "nope", *flags, home=home).err
