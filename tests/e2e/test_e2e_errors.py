"""Every exit code that this version can end with, reached from outside; errors are a sentence and hints."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from program import Done, trader

from trader_cli.ledger import Ledger


def parts(done: Done) -> tuple[str, list[str]]:
    lines = done.err.strip().splitlines()
    assert lines[0].startswith("error: "), done.err
    assert "Traceback" not in done.err
    assert not lines[0].endswith(".")
    return lines[0], [line for line in lines if line.startswith("hint: ")]


def test_code_0_also_for_help_and_version() -> None:
    assert trader("--help").code == 0
    assert trader("--version").out.startswith("trader ")
    assert trader("backtest", "--help").code == 0


@pytest.mark.parametrize(
    ("arguments", "says", "hint"),
    [
        (["backtset"], "there is no command `backtset`", "did you mean `backtest`?"),
        (["backtest", "demo_ma", "--symbol", "X"], "there is no option `--symbol`", "did you mean `--symbols`?"),
        (["backtest"], "no strategy is named, and preset `paper-500` has no wallets", "trader backtest momentum"),
        (["backtest", "demo_ma", "--cash", "lots"], "`account.cash` is `lots`", "config explain"),
        (["backtest", "demo_ma", "--set", "cost.fee_bps=1"], "unknown key `cost.fee_bps`", "explain"),
        (["backtest", "demo_ma", "--set", "nonsense"], "is not KEY=VALUE", "sizing.method"),
        (["backtest", "demo_ma", "--preset", "papper-500"], "no preset `papper-500`", "did you mean `paper-500`?"),
        (["backtest", "demo_ma", "--timeframe", "4x"], "`4x` is not a timeframe", "30m"),
        (["backtest", "demo_ma", "--since", "yesterday"], "that is no date", "2018-01-31"),
        (["backtest", "demo_ma", "--param", "short_window=5"], "`short_window`", "fast"),
        (["backtest", "demo_ma", "--param", "fast=100000"], "fast", ""),
        (["backtest", "demo_ma", "--trades", "t.xlsx"], "ends in `.xlsx`", ".csv"),
        (
            ["config", "explain", "risk.max_position"],
            "is not a configuration key",
            "did you mean `risk.max_positions`?",
        ),
        (["report", "--run", "nothing"], "", ""),
    ],
)
@pytest.mark.req("R3.2")
def test_code_2_usage_and_configuration(home: Path, arguments: list[str], says: str, hint: str) -> None:
    if arguments[0] == "report":
        trader("backtest", "demo_ma", "-q", home=home)
        says = "there is no run `nothing`"
    done = trader(*arguments, home=home)
    line, hints = parts(done)
    assert done.code == 2, done.err
    assert says in line
    assert not hint or any(hint in one for one in hints), done.err


def test_every_configuration_problem_is_reported_at_once(home: Path) -> None:
    (home / "trader.toml").write_text('[costs]\nfee_bps = -1\nfees = 3\n[risk]\nmax_positions = "many"\n')
    done = trader("config", "check", home=home, TRADER_SIZING__METHOD="martingale")
    assert done.code == 2
    for problem in ("costs.fees", "costs.fee_bps", "risk.max_positions", "sizing.method"):
        assert problem in done.err
    assert "trader.toml" in done.err


def test_code_3_unknown_and_broken_strategies(home: Path) -> None:
    line, hints = parts(unknown := trader("backtest", "momentun", home=home))
    assert unknown.code == 3
    assert "did you mean `momentum`?" in hints[0]
    (home / "strategies").mkdir()
    (home / "strategies" / "broken.py").write_text("from trader_cli.strategy import Strategy\nclass Broken(Strategy:\n")
    broken = trader("backtest", "broken", home=home)
    assert broken.code == 3
    assert "line 2" in broken.err
    (home / "strategies" / "fails.py").write_text(
        "from trader_cli.strategy import Strategy\nclass Fails(Strategy):\n    def targets(self, bars):\n        return 1 / 0\n"
    )
    fails = trader("backtest", "fails", home=home)
    assert fails.code == 3
    assert "ZeroDivisionError" in fails.err
    assert "line 4" in fails.err


def test_code_4_missing_and_damaged_data(home: Path) -> None:
    line, hints = parts(missing := trader("backtest", "demo_ma", "--symbols", "BTC/USDD", home=home))
    assert missing.code == 4
    assert "did you mean `BTC/USD`?" in hints[0]
    early = trader("backtest", "demo_ma", "--until", "2010-01-01", home=home)
    assert early.code == 4
    assert "2017-10-01" in early.err
    folder = home / "data" / "x"
    folder.mkdir(parents=True)
    (folder / "A-USD-1m.parquet").write_bytes(b"PAR1 this is no parquet file PAR1")
    damaged = trader("backtest", "demo_ma", "--symbols", "A/USD", home=home)
    assert damaged.code == 4
    assert "A-USD-1m.parquet" in damaged.err


def test_code_4_for_a_ledger_that_is_none(home: Path) -> None:
    (home / "trader.db").write_bytes(b"this was never a database, and it is long enough to tell" * 100)
    done = trader("backtest", "demo_ma", home=home)
    assert done.code == 4, done.err
    assert "trader.db" in done.err


def test_code_4_where_there_is_no_ledger_yet(home: Path) -> None:
    assert trader("report", home=home).code == 4
    assert trader("ledger", "verify", home=home).code == 4


def test_code_1_for_a_fault_of_the_program_with_the_traceback_in_the_log(tmp_path: Path) -> None:
    program = (
        "import sys, trader_cli.wiring as w\n"
        "def broken(self): raise RuntimeError('planted')\n"
        "w.Wiring.now_ms = broken\n"
        "from trader_cli.cli.main import run\n"
        "sys.exit(run(['backtest', 'demo_ma', '--json']))\n"
    )
    env = {**os.environ, "TRADER_HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert done.stderr.splitlines()[0] == "error: unexpected RuntimeError: planted"
    assert "Traceback" not in done.stderr
    logs = list(tmp_path.rglob("trader.log"))
    assert len(logs) == 1
    assert "RuntimeError: planted" in logs[0].read_text()
    assert '"code": "fault"' in done.stdout


def test_errors_are_json_too(home: Path) -> None:
    done = trader("backtest", "nope", "--json", home=home)
    assert done.json["ok"] is False
    assert done.json["error"]["code"] == "strategy"
    assert done.json["error"]["hints"]
    assert trader("nope", "--json").json["error"]["code"] == "usage"


def test_help_does_not_import_numpy_and_starts_light() -> None:
    program = (
        "import sys\nfrom trader_cli.cli.main import run\ncode = run(['--help'])\n"
        "heavy = {'numpy', 'pandas', 'numba', 'pyarrow', 'sqlalchemy', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("words", "heavy"),
    [
        (["data", "list"], "numpy pandas numba pyarrow sqlalchemy"),
        (["data", "check", "BTC/USD"], "pandas numba sqlalchemy"),
        (["scan", "--history"], "pandas numba pyarrow"),
        (["strategy", "list"], "pandas numba pyarrow"),
    ],
    ids=" ".join,
)
def test_what_computes_nothing_starts_without_what_computes(words: list[str], heavy: str, home: Path) -> None:
    """The compiler alone is half a second; a process of its own shows what is imported. The home has an empty ledger."""
    Ledger.open("sqlite:///trader.db", home).close()
    program = (
        f"import sys\nfrom trader_cli.cli.main import run\ncode = run({words!r})\n"
        f"heavy = set({heavy!r}.split()) & set(sys.modules)\n"
        "sys.exit(f'imports {heavy}' if heavy else code)\n"
    )
    # Numba only where kernels are compiled, whatever this run of the tests does.
    env = {**os.environ, "TRADER_HOME": str(home), "TRADER_INTERPRET": ""}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, env=env)
    assert done.returncode == 0, done.stderr


def test_a_backtest_never_imports_pandas(home: Path) -> None:
    program = (
        "import sys\nfrom trader_cli.cli.main import run\ncode = run(['backtest', 'demo_ma', '--json'])\n"
        "sys.exit('imports pandas' if 'pandas' in sys.modules else code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "TRADER_HOME": str(home)},
    )
    assert done.returncode == 0, done.stderr


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m trader_cli config show | head -1", shell=True, capture_output=True, text=True,
        env={**os.environ, "TRADER_HOME": str(home)}, timeout=60,
    )  # fmt: skip
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_a_full_disk_is_said_and_leaves_nothing_half_written(home: Path, tmp_path: Path) -> None:
    program = (
        "import resource, sys\n"
        "from trader_cli.cli.main import run\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))\n"
        "sys.exit(run(['backtest', 'demo_ma', '--json']))\n"
    )
    env = {**os.environ, "TRADER_HOME": str(home)}
    assert trader("backtest", "demo_ma", "-q", home=home).code == 0
    before = trader("report", "--json", home=home).json["result"]["runs"]
    done = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 4, done.stderr
    assert "Traceback" not in done.stderr
    assert trader("report", "--json", home=home).json["result"]["runs"] == before
    assert trader("ledger", "verify", home=home).code == 0
