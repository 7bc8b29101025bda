"""`trader backtest` on the sample data, from outside: keys, files, digests, ledger and report."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from program import trader

KEYS = """run_id strategy params symbols timeframe start end bars trades final_equity total_return_pct cagr_pct sharpe
sortino calmar max_drawdown_pct win_rate_pct profit_factor expectancy exposure_pct turnover fees_paid
benchmark_return_pct digest seconds""".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def result(home: Path) -> dict[str, object]:
    done = trader("backtest", "momentum", "--json", home=home)
    assert done.code == 0, done.err
    assert done.json["schema"] == "trader.backtest/1"
    assert done.json["ok"] is True
    return done.json["result"]


@pytest.mark.req("R3.1")
@pytest.mark.req("R4.2")
def test_the_default_run_has_every_key_and_honest_costs(result) -> None:
    assert [key for key in KEYS if key not in result] == []
    assert set(result["seconds"]) >= {"load", "signals", "engine", "ledger", "total"}
    assert result["cash"] == 500
    assert (result["fee_bps"], result["slippage_bps"]) == (10, 5)
    assert result["timeframe"] == "4h"
    assert result["symbols"] == ["BTC/USD", "EOS/USD", "ETH/USD", "LTC/USD", "XRP/USD"]
    assert result["fees_paid"] > 0
    assert result["notes"] == []


def test_a_finished_run_leaves_one_file_that_can_be_copied(result, home: Path) -> None:
    assert [path.name for path in home.iterdir()] == ["trader.db"]


def test_the_same_command_gives_the_same_digest(result, home: Path) -> None:
    again = trader("backtest", "momentum", "--json", home=home).json["result"]
    assert again["digest"] == result["digest"]
    assert again["run_id"] != result["run_id"]


def test_it_works_from_an_empty_folder_without_any_home(tmp_path: Path, result) -> None:
    env = {key: value for key, value in os.environ.items() if not key.startswith("TRADER_")}
    done = subprocess.run(
        [sys.executable, "-m", "trader_cli", "backtest", "momentum", "--json"],
        cwd=tmp_path,
        env={**env, "HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path / "data"), "TRADER_CACHE_DIR": _cache()},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert json.loads(done.stdout)["result"]["digest"] == result["digest"]
    assert (tmp_path / "data" / "trader" / "trader.db").is_file()


def _cache() -> str:
    from trader_cli.compiler import cache_folder

    return str(cache_folder().parent.parent)


def test_trades_and_fills_files_agree_with_the_result(home: Path, tmp_path: Path) -> None:
    names = ["t.csv", "t.parquet", "t.json"]
    for name in names:
        done = trader(
            "backtest",
            "demo_ma",
            "--json",
            "--trades",
            str(tmp_path / name),
            "--fills",
            str(tmp_path / f"f{name}"),
            home=home,
        )
        assert done.code == 0, done.err
    result = done.json["result"]
    with (tmp_path / "t.csv").open() as file:
        rows = list(csv.DictReader(file))
    wanted = "symbol entry_time entry_price exit_time exit_price quantity pnl return_pct fees exit_reason".split()
    assert list(rows[0]) == wanted
    assert len(rows) == result["trades"] == len(json.loads((tmp_path / "t.json").read_text()))
    assert len(json.loads((tmp_path / "ft.json").read_text())) == result["fills"]
    assert sum(float(row["fees"]) for row in rows) <= result["fees_paid"] + 1e-6
    for row in rows:
        gross = (float(row["exit_price"]) - float(row["entry_price"])) * float(row["quantity"])
        assert float(row["pnl"]) == pytest.approx(gross - float(row["fees"]), abs=1e-6)


def test_a_flag_beats_the_environment_and_the_environment_the_preset(home: Path) -> None:
    def cash(*flags: str, **env: str) -> object:
        return trader("config", "show", "--json", *flags, home=home, **env).json["result"]["settings"]["account"][
            "cash"
        ]

    assert cash() == "500"
    assert cash(TRADER_ACCOUNT__CASH="700") == "700"
    assert cash("--set", "account.cash=900", TRADER_ACCOUNT__CASH="700") == "900"


def test_the_printed_report_reads_at_80_columns(home: Path) -> None:
    done = trader("backtest", "demo_ma", home=home, COLUMNS="80")
    assert done.code == 0
    for word in ("buy and hold", "Sharpe", "deepest drawdown", "round trips", "2018", "equity", "digest"):
        assert word in done.out
    assert max(len(line) for line in done.out.splitlines()) <= 80


def test_stocks_run_on_their_own_calendar(home: Path) -> None:
    done = trader("backtest", "momentum", "--symbols", "AAPL,NVDA", "--json", home=home)
    assert done.code == 0, done.err
    assert done.json["result"]["timeframe"] == "1d"
    assert done.json["result"]["exchange"] == "us-stocks"


def test_report_lists_shows_and_compares(home: Path, result) -> None:
    runs = trader("report", "--json", home=home).json["result"]["runs"]
    assert result["run_id"] in [one["run_id"] for one in runs]
    shown = trader("report", "--run", result["run_id"], "--json", home=home).json["result"]
    assert shown["digest"] == result["digest"]
    first, second = runs[0]["run_id"], runs[1]["run_id"]
    compared = trader("report", "compare", first, second, home=home)
    assert compared.code == 0
    assert "drawdown" in compared.out
    assert trader("report", home=home).out.count("\n") == len(runs) + 1


def test_a_run_killed_at_any_time_leaves_a_ledger_that_adds_up(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert trader("backtest", "demo_ma", "-q", home=home).code == 0
    for milliseconds in (300, 700, 1000, 1300, 1600):
        process = subprocess.Popen(
            [sys.executable, "-m", "trader_cli", "backtest", "demo_ma", "--json"],
            env={**os.environ, "TRADER_HOME": str(home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert trader("ledger", "verify", home=home).code == 0


def test_ctrl_c_ends_with_one_line_and_130(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "trader_cli", "backtest", "demo_ma", "--timeframe", "30m"],
        env={**os.environ, "TRADER_HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    # A fast machine may have finished by then.
    assert process.returncode in (0, 130)
    assert "Traceback" not in err
    if process.returncode == 130:
        assert err.strip().splitlines()[-1] == "interrupted: nothing was half written"
