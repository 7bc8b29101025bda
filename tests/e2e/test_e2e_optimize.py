"""`trader optimize` as its user meets it: killed, interrupted, resumed, replayed by `backtest`, written to files."""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from program import Done, trader

SMALL = ("demo_ma", "--symbols", "BTC/USD,ETH/USD", "--param", "fast=5:25:5", "--param", "slow=20:60:10")
LONG = (
    "demo_ma", "--symbols", "BTC/USD", "--since", "2019-01-01", "--param", "fast=2:41", "--param", "slow=50:109",
)  # fmt: skip
COUNT = 2400
"""How many combinations LONG has: some seconds of work."""


def threaded(home: Path) -> None:
    """Write `demo_ma` once more, with a thread that forbids copies of the process."""
    text = (Path(__file__).parents[2] / "strategies" / "demo_ma.py").read_text()
    begin = "\nfrom threading import Event, Thread\n\nThread(target=Event().wait, daemon=True).start()\n"
    folder = home / "strategies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "threaded.py").write_text(text + begin)


def searched(home: Path, *words: str) -> Done:
    done = trader("optimize", *words, "--json", home=home)
    assert done.code == 0, done.err
    return done


def written(home: Path) -> int:
    """Return how many trials the ledger holds."""
    file = home / "trader.db"
    if not file.exists():
        return 0
    try:
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT COUNT(*) FROM trials").fetchone()[0])
    except sqlite3.OperationalError:
        return 0
    finally:
        connection.close()


def started(home: Path, *words: str) -> subprocess.Popen[str]:
    env = {**os.environ, "TRADER_HOME": str(home), "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "trader_cli", "optimize", *words]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )


def when(home: Path, running: subprocess.Popen[str], least: int) -> int:
    """Return how many trials are written once they are as many as asked for, while the search still runs."""
    for _ in range(6000):
        count = written(home)
        if count >= least:
            assert running.poll() is None, "the search was over too soon"
            return count
        assert running.poll() is None, running.communicate()
        time.sleep(0.02)
    raise AssertionError("nothing was written")


@pytest.mark.req("R3.6")
@pytest.mark.req("X10")
def test_backtest_of_the_best_row_has_its_digest_and_its_figures(home: Path) -> None:
    result = searched(home, *SMALL).json["result"]
    words = result["rerun"].split()
    assert words[:3] == ["trader", "backtest", "demo_ma"]
    again = trader(*words[1:], "--json", home=home).json["result"]
    best = result["best"]
    assert again["digest"] == best["digest"]
    for name in ("sharpe", "trades", "final_equity", "max_drawdown_pct", "fees_paid", "exposure_pct", "turnover"):
        assert again[name] == pytest.approx(best["stats"][name], rel=1e-12), name


@pytest.mark.deep
def test_what_was_held_out_is_left_out_of_the_replay_too(home: Path) -> None:
    result = searched(home, *SMALL, "--holdout-pct", "25").json["result"]
    again = trader(*result["rerun"].split()[1:], "--json", home=home).json["result"]
    assert again["digest"] == result["best"]["digest"]
    assert again["end"] == result["held_out_from"] == result["end"]


@pytest.mark.req("X10")
@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.deep) for seed in range(2, 12))])
def test_a_search_killed_at_random_and_begun_again_ends_in_the_table_of_an_undisturbed_one(
    home: Path, tmp_path: Path, seed: int
) -> None:
    whole = searched(tmp_path / "other", *LONG).json["result"]["table_digest"]
    rng = random.Random(seed)
    # Everybody at once, and the one who gives out the work alone: whoever works for it may not outlive it, nor hold its lease.
    for least, kill in ((1, os.killpg), (rng.randrange(300, 1000), os.kill)):
        running = started(home, *LONG)
        when(home, running, least)
        kill(running.pid, signal.SIGKILL)
        running.communicate()
    kept = written(home)
    result = searched(home, *LONG).json["result"]
    assert (result["resumed"], result["ran"]) == (True, COUNT - kept)
    assert result["table_digest"] == whole
    assert trader("ledger", "verify", home=home).code == 0


@pytest.mark.parametrize(
    ("name", "engine", "number", "code"),
    [
        ("demo_ma", "local", signal.SIGINT, 130),
        pytest.param("demo_ma", "local", signal.SIGTERM, 143, marks=pytest.mark.deep),
        pytest.param("demo_ma", "threads", signal.SIGINT, 130, marks=pytest.mark.deep),
        pytest.param("demo_ma", "threads", signal.SIGTERM, 143, marks=pytest.mark.deep),
        pytest.param("threaded", "processes", signal.SIGINT, 130, marks=pytest.mark.deep),
        pytest.param("threaded", "processes", signal.SIGTERM, 143, marks=pytest.mark.deep),
    ],
)
def test_an_interrupted_search_keeps_what_is_done_and_says_how_to_go_on(
    home: Path, number: signal.Signals, code: int, name: str, engine: str
) -> None:
    threaded(home)
    running = started(home, name, *LONG[1:], "--engine", engine, "--workers", "2")
    least = when(home, running, 1)
    # Ctrl-C reaches every process in front of the terminal, SIGTERM the one it is sent to.
    if number == signal.SIGINT:
        os.killpg(running.pid, number)
    else:
        running.send_signal(number)
    _, err = running.communicate(timeout=60)
    assert running.returncode == code
    kept = written(home)
    assert kept >= least
    assert f"{kept:,} of 2,400 trials are done and kept: the same command goes on" in err
    assert "Traceback" not in err
    state = trader("optimize", "--sweeps", "--json", home=home).json["result"]["sweeps"]
    assert [(one["done"], one["ended"]) for one in state] == [(kept, "interrupted")]


@pytest.mark.deep
def test_a_strategy_with_threads_of_its_own_is_searched_in_threads_or_in_processes_that_begin_anew(home: Path) -> None:
    threaded(home)
    words = (*SMALL[1:], "--workers", "2", "--json")
    # A process of its own: the one that forks into commands for the tests has loaded more than a command does.
    found = [
        trader("optimize", name, *words, home=home, PYTHONHASHSEED="1").json["result"]
        for name in ("threaded", "demo_ma")
    ]
    assert [one["engine"] for one in found] == ["threads", "processes"]
    anew = searched(home, "threaded", *SMALL[1:], "--engine", "processes", "--workers", "2", "--fresh").json["result"]
    assert anew["engine"] == "processes"
    assert [one["stats"] for one in found[0]["top"]] == [one["stats"] for one in found[1]["top"]]
    assert anew["table_digest"] == found[0]["table_digest"]


def test_the_result_has_the_keys_that_scripts_read(home: Path) -> None:
    done = searched(home, *SMALL, "--objective", "sharpe,-max_drawdown_pct").json
    assert done["schema"] == "trader.optimize/1"
    result = done["result"]
    assert set(result) == {
        "sweep_id", "strategy", "symbols", "exchange", "timeframe", "start", "end", "bars", "held_out_from", "preset",
        "method", "seed", "objectives", "min_trades", "space", "searched", "total", "done", "ended", "failed", "thin",
        "problems", "tried", "best", "top", "front", "front_size", "neighbours", "heatmap", "influence", "sums",
        "table_digest", "notes", "ran", "resumed", "engine", "workers", "seconds", "rerun", "table",
    }  # fmt: skip
    assert (result["method"], result["total"], result["done"], result["ended"]) == ("grid", 25, 25, "finished")
    # fast 20 and 25 with slow 20 are no refusal of demo_ma's, it only holds nothing or the opposite.
    assert result["tried"] == 25
    assert set(result["best"]) == {"number", "params", "stats", "digest"}
    assert [len(row) for row in result["heatmap"]["values"]] == [5] * 5
    assert result["heatmap"]["x"] == {"name": "fast", "values": [5, 10, 15, 20, 25], "each": True}
    assert result["front_size"] == len(result["front"]) >= 1


@pytest.mark.deep
def test_tables_hold_every_trial_in_each_format(home: Path, tmp_path: Path) -> None:
    files = [tmp_path / f"trials{ending}" for ending in (".csv", ".parquet", ".json")]
    for file in files:
        searched(home, *SMALL, "--table", str(file))
    rows = json.loads(files[2].read_text())
    assert [row["number"] for row in rows] == list(range(25))
    assert [(row["param_fast"], row["param_slow"]) for row in rows[:3]] == [(5, 20), (5, 30), (5, 40)]
    assert [int(row["trades"]) for row in csv.DictReader(files[0].read_text().splitlines())] == [
        row["trades"] for row in rows
    ]
    assert pq.read_table(files[1]).column("digest").to_pylist() == [row["digest"] for row in rows]


@pytest.mark.req("R0.6")
def test_a_proposal_is_recorded_bounded_and_changes_nothing(home: Path) -> None:
    words = ("demo_ma", "--param", "fast=10:30:2", "--param", "slow=60:140:10", "--propose")
    proposal = searched(home, *words).json["result"]["proposal"]
    assert proposal["current"] == {"fast": 20, "slow": 100}
    assert 10 <= proposal["proposed"]["fast"] <= 30
    assert 50 <= proposal["proposed"]["slow"] <= 150
    assert proposal["regime"] in ("bull", "bear", "sideways")
    assert set(proposal["symbols"]) <= {"BTC/USD", "ETH/USD", "LTC/USD", "XRP/USD", "EOS/USD"}
    listed = trader("optimize", "demo_ma", "--proposals", "--json", home=home).json
    assert listed["schema"] == "trader.optimize.proposals/1"
    assert listed["result"]["proposals"] == [proposal]
    assert proposal["reason"].split(":")[0] in " ".join(trader("optimize", "--proposals", home=home).out.split())
    assert trader("backtest", "demo_ma", "--json", home=home).json["result"]["params"] == proposal["current"]


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 2, "one strategy is searched at a time, not none"),
        (("demo_ma,momentum",), 2, "not `demo_ma,momentum`"),
        (("demo_ma", "--param", "short=5:50:5", "--param", "slow=1:2"), 2, "has no parameter `short`; `slow` is 1"),
        (("demo_ma", "--method", "best"), 2, "optimize.method"),
        (("demo_ma", "--objective", "sharp"), 2, "did you mean `sharpe`?"),
        (("demo_ma", "--param", "fast=5:9", "--heatmap", "fast,slow"), 2, "names `slow`, which is not searched"),
        (("demo_ma", "--param", "fast=5:9", "--table", "x.txt"), 2, "ends in `.txt`"),
        (("nobody",), 3, "nobody"),
        pytest.param(
            *(
                ("demo_ma", "--engine", "dask", "--address", "tcp://127.0.0.1:1", "--trials", "2"),
                5,
                "no Dask cluster at",
            ),
            marks=pytest.mark.deep,
        ),
    ],
)
def test_what_cannot_be_done_is_said_with_its_exit_code(
    home: Path, words: tuple[str, ...], code: int, said: str
) -> None:
    done = trader("optimize", *words, home=home)
    assert done.code == code, done.err
    assert said in done.err
    assert "Traceback" not in done.err


def test_in_a_terminal_of_80_columns_nothing_is_wider_and_the_map_reads_without_colour(home: Path) -> None:
    out = trader("optimize", *SMALL, home=home, COLUMNS="80", NO_COLOR="1").out
    lines = [line for line in out.splitlines() if not line.startswith("again: ")]
    assert all(len(line.rstrip()) <= 80 for line in lines)
    assert "\x1b" not in out
    assert any(line.startswith("slow ") and line.split()[1:] == ["5", "10", "15", "20", "25"] for line in lines)
    assert sum("[" in line for line in lines if line.split()[:1] == ["20"] or line.strip()[:2].isdigit()) == 1
