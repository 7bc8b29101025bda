"""Every command once as a user types it, `--json` everywhere, and the laws over all strategies through the whole program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from program import trader

from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify

STRATEGIES = ["arbitrage", "demo_ma", "grid", "mean_reversion", "momentum", "trend_breakout", "volatility"]
ALONE = [name for name in STRATEGIES if name != "arbitrage"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    done = trader("init", str(folder))
    assert done.code == 0, done.err
    for name in STRATEGIES:
        done = trader("backtest", name, "--json", home=folder)
        assert done.code == 0, done.err
    return folder


@pytest.mark.req("R2.1")
@pytest.mark.req("R3.2")
@pytest.mark.req("R3.8")
def test_the_seven_strategies_are_there_and_each_run_adds_up_in_the_ledger(home: Path) -> None:
    """Law 5 over all strategies: entries, balances, holdings, equity and digests are derived and compared."""
    listed = trader("strategy", "list", "--json", home=home).json["result"]["strategies"]
    assert [one["name"] for one in listed] == STRATEGIES
    ledger = Ledger.open("sqlite:///trader.db", home, create=False)
    assert {one.strategy for one in ledger.runs()} == set(STRATEGIES)
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.parametrize("name", [ALONE[0], *(pytest.param(one, marks=pytest.mark.deep) for one in ALONE[1:])])
def test_interpreted_and_compiled_programs_give_the_same_digest(home: Path, name: str) -> None:
    """Law 4 over all strategies, with stops and targets on."""
    arguments = ("backtest", name, "--json", "--timeframe", "1d", "--stop-pct", "7", "--target-pct", "20")
    compiled = trader(*arguments, home=home)
    plain = trader(*arguments, home=home, TRADER_INTERPRET="1")
    assert compiled.code == plain.code == 0, plain.err
    assert compiled.json["result"]["digest"] == plain.json["result"]["digest"]
    assert compiled.json["result"]["fills"] > 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["backtest", "demo_ma"],
        ["strategy", "list"],
        ["strategy", "show", "momentum"],
        ["strategy", "new", "mine"],
        ["data", "list"],
        ["data", "check", "BTC/USD"],
        ["config", "show"],
        ["config", "explain", "costs.fee_bps"],
        ["config", "check"],
        ["report"],
        ["report", "--limit", "1"],
        ["ledger", "verify"],
        ["ledger", "export", "OUT"],
        ["ledger", "backup", "OUT/copy.db"],
        ["ledger", "migrate"],
        ["init", "OUT/home"],
    ],
)
def test_json_is_one_object_with_a_schema_on_every_command(home: Path, tmp_path: Path, arguments: list[str]) -> None:
    words = [word.replace("OUT", str(tmp_path)) for word in arguments]
    done = trader(*words, "--json", "-q", home=home)
    assert done.code == 0, done.err
    assert done.json["ok"] is True
    assert done.json["schema"].startswith("trader.")
    assert done.json["schema"].endswith("/1")
    assert done.json["result"]
    # and the human form is there too
    if words[0] not in ("init",) and "new" not in words and "backup" not in words:
        shown = trader(*words, home=home)
        assert shown.code == 0, shown.err
        assert shown.out.strip()


def test_a_new_strategy_runs_as_it_is_and_hides_nothing(home: Path) -> None:
    assert trader("strategy", "new", "fresh", home=home).code == 0
    again = trader("strategy", "new", "fresh", home=home)
    assert again.code == 2
    done = trader("backtest", "fresh", "--json", home=home)
    assert done.code == 0, done.err
    assert done.json["result"]["trades"] > 0


def test_imported_bars_are_listed_checked_and_traded_and_damage_is_code_4(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    rows = [f"2024-01-{d:02d},{100 + d},{102 + d},{99 + d},{101 + d},5" for d in range(1, 29)]
    path.write_text("date,open,high,low,close,volume\n" + "\n".join(rows) + "\n")
    done = trader("data", "import", str(path), "--exchange", "mine", "--symbol", "ABC/USD", "--json", home=home)
    assert done.code == 0, done.err
    assert done.json["result"]["series"][0]["timeframe"] == "1d"
    assert trader("data", "check", "ABC/USD", "--json", home=home).json["result"]["series"][0]["grade"] == "A"
    run = trader(
        "backtest", "demo_ma", "--symbols", "ABC/USD", "--param", "fast=2", "--param", "slow=5", "--json", home=home
    )
    assert run.code == 0, run.err
    assert run.json["result"]["notes"] == ["nobody described ABC/USD: traded in steps of 1e-8 with no minimum"]
    path.write_text("date,open,high,low,close,volume\n" + "\n".join([*rows, "2024-01-29,nan,1,1,1,1"]) + "\n")
    damaged = trader("data", "check", str(path), "--json", home=home)
    assert damaged.code == 4
    assert damaged.json["ok"] is False
    refused = trader("data", "import", str(path), "--exchange", "mine", "--symbol", "ABC/USD", home=home)
    assert refused.code == 4
    assert "row 29" in refused.err
    assert "hint: " in refused.err


def test_an_instrument_described_in_the_configuration_rules_the_run(home: Path, tmp_path: Path) -> None:
    other = tmp_path / "home"
    assert trader("init", str(other)).code == 0
    with (other / "trader.toml").open("a") as file:
        file.write('\n[instruments."BTC/USD"]\ntick = "1"\nlot = "0.01"\n')
    fills = tmp_path / "fills.json"
    done = trader(
        "backtest", "demo_ma", "--symbols", "BTC/USD", "--fills", str(fills), "--cash", "100000", "--json", home=other
    )
    assert done.code == 0, done.err
    for row in json.loads(fills.read_text()):
        assert row["price"] == int(row["price"])
        assert abs(row["quantity"] * 100 - round(row["quantity"] * 100)) < 1e-9


def test_a_kill_during_a_backup_leaves_the_ledger_and_the_old_backup(home: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert trader("ledger", "backup", str(copy), home=home).code == 0
    before = copy.read_bytes()
    for milliseconds in (150, 300, 400, 450, 500):
        process = subprocess.Popen(
            [sys.executable, "-m", "trader_cli", "ledger", "backup", str(copy), "--force"],
            env={**os.environ, "TRADER_HOME": str(home)}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert copy.exists()
    stored = Ledger.open(f"sqlite:///{copy}", tmp_path, create=False)
    assert verify(stored) == []
    stored.close()
    assert len(copy.read_bytes()) >= len(before)
    assert trader("ledger", "verify", home=home).code == 0


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("trader backtest mom", "momentum"),
        ("trader backtest demo_ma --preset pl", "plain"),
        ("trader config explain risk.max", "risk.max_positions"),
        ("trader strategy show vol", "volatility"),
        ("trader backtest demo_ma --set costs.fee", "costs.fee_bps="),
    ],
)
def test_the_shell_completes_strategies_presets_and_keys(home: Path, words: str, offered: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from trader_cli.cli.main import app; app(prog_name='trader')"],
        env={**os.environ, "TRADER_HOME": str(home), "_TRADER_COMPLETE": "complete_bash", "COMP_WORDS": words,
             "COMP_CWORD": str(len(words.split()) - 1)},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert offered in done.stdout.split()


def test_fee_bps_is_every_fills_fee_unless_the_makers_is_stated(home: Path) -> None:
    def fees(*more: str) -> float:
        arguments = ("backtest", "demo_ma", "--symbols", "BTC/USD", "--target-pct", "3", "--fee-bps", "50", *more)
        return trader(*arguments, "--json", home=home).json["result"]["fees_paid"]

    assert fees("--set", "costs.maker_fee_bps=0") < fees() * 0.8
