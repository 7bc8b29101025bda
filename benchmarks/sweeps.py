"""W4: a thousand combinations through `optimize`, in this process and as a user starts it."""

from __future__ import annotations

import gc
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from workloads import prefix_mean

from trader_cli import __version__
from trader_cli.jobs.optimize import Found, Shown, optimize
from trader_cli.jobs.plan import Chosen
from trader_cli.jobs.space import read_space
from trader_cli.jobs.sweep import Wanted, objectives, prepare
from trader_cli.jobs.workers import pool
from trader_cli.model.bars import Bars, Floats
from trader_cli.strategy.base import Strategy
from trader_cli.strategy.params import Param
from trader_cli.strategy.sharing import shared
from trader_cli.wiring import Wiring

BARS = 100_000
_PAIRS = 11
FAST = tuple(np.linspace(5, 50, 25).astype(int).tolist())
SLOW = tuple(np.linspace(60, 250, 40).astype(int).tolist())
"""The lengths that the stated sums belong to: evenly spread and cut to whole numbers."""
STATED = (608_183, 9_959_883_956.31)
PLAIN = (
    "--preset", "plain", "--cash", "10000000", "--slippage-bps", "0", "--set", "sizing.method=quantity",
    "--set", "sizing.dead_band_pct=0", "--symbols", "W1/USD", "--json",
)  # fmt: skip

_mean = shared(prefix_mean)


class PrefixMa(Strategy):
    """`demo_ma` with means from a running sum, as those who stated the sums took them.

    Two means of prices in cents are often equal but for rounding, and who rounds otherwise trades a bar sooner or later.
    """

    fast = Param(20, low=2, high=100)
    slow = Param(100, low=5, high=400)

    def targets(self, bars: Bars) -> Floats:
        """Hold while the fast mean is above the slow one."""
        return _mean(bars.close, self.fast) > _mean(bars.close, self.slow)


def home_with(folder: Path, home: str) -> Wiring:
    """Return the wiring of a home with W1's first bars as `W1/USD`."""
    where = ("--exchange", "bench", "--symbol", "W1/USD", "--timeframe", "1m")
    run("data", "import", str(folder / "w1.parquet"), *where, home=home)
    flags = {
        "account.cash": "10000000", "costs.slippage_bps": "0", "sizing.method": "quantity", "sizing.dead_band_pct": "0",
        "data.symbols": ["W1/USD"], "data.until": until(home),
    }  # fmt: skip
    return Wiring.find(Path(home), "plain", flags)


def until(home: str) -> str:
    """Return the first moment after the bars of W4."""
    bars = Wiring.find(Path(home), "plain", {}).bars.load("W1/USD", "bench", None)
    return str(np.datetime64(int(bars.open_ms[BARS]), "ms")) + "Z"


def search(parts: Wiring, strategy: Strategy | None, workers: int, engine: Any = "local") -> tuple[float, Found]:
    """Return (seconds, what was found) of the thousand combinations, all written to the ledger."""
    request = parts.request("demo_ma", {})
    if strategy is not None:
        wallet = request.wallets[0]
        chosen = Chosen(type(strategy).__name__, strategy, "0" * 64)
        request = replace(request, wallets=(replace(wallet, strategies=(chosen,)),))
    instance = request.wallets[0].strategies[0].instance
    given = {"fast": ",".join(map(str, FAST)), "slow": ",".join(map(str, SLOW))}
    space = read_space("w4", instance.declared, instance.params, given)
    wanted = Wanted("grid", 1, 100_000, 1, objectives("sharpe"), 1, Decimal(0), 16)
    prepared = prepare(request, parts.bars, parts.instrument, space, wanted, __version__)
    prepared.lab.run()
    begin = time.perf_counter()
    found = optimize(
        prepared,
        parts.ledger,
        lambda: pool(prepared.lab, engine, workers, "", prepared.key),
        parts.new_run_id(),
        parts.now_ms,
        lambda _done, _of: None,
        Shown(10, (), 80.0, 50.0),
        fresh=True,
    )
    return time.perf_counter() - begin, found


def run(*words: str, home: str) -> tuple[float, float, dict[str, Any]]:
    """Return (seconds, peak MB of all its processes together, the JSON result) of a command as a user starts it."""
    begin = time.perf_counter()
    with tempfile.TemporaryFile() as out:
        command = [sys.executable, "-m", "trader_cli", *words]
        running = subprocess.Popen(command, env={**os.environ, "TRADER_HOME": home}, stdout=out)
        peak = 0
        while running.poll() is None:
            # Pages that several processes share count once.
            peak = max(peak, sum(proportional_kb(one) for one in family(running.pid)))
            time.sleep(0.05)
        seconds = time.perf_counter() - begin
        out.seek(0)
        said = out.read().decode()
    assert running.returncode == 0, words
    return seconds, peak / 1024, json.loads(said)["result"] if said.startswith("{") else {}


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def proportional_kb(pid: int) -> int:
    """Return the memory of a process in kB, of a page that n processes share the nth part; 0 for one that is gone."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def ceiling() -> float:
    """Return how much more two processes that only count get done than one, in the median of as many pairs."""
    context = multiprocessing.get_context("fork")

    def seconds(count: int) -> float:
        begin = time.perf_counter()
        ones = [context.Process(target=sum, args=(range(20_000_000),)) for _ in range(count)]
        for one in ones:
            one.start()
        for one in ones:
            one.join()
        return time.perf_counter() - begin

    return median(2 * seconds(1) / seconds(2) for _ in range(_PAIRS))


def peer(folder: Path) -> tuple[float, int, float] | None:
    """Return (seconds, trades, sum of equities) of vectorbt, None where VECTORBT names no interpreter that has it."""
    python = os.environ.get("VECTORBT")
    if not python:
        return None
    script = Path(__file__).with_name("vectorbt_w4.py")
    done = subprocess.run([python, str(script), str(folder)], check=True, capture_output=True, text=True)
    seconds, trades, equity = done.stdout.split()
    return float(seconds), int(trades), float(equity)


def w4(folder: Path, show: Any) -> None:
    """Measure W4 and print its rows."""
    with tempfile.TemporaryDirectory() as home:
        parts = home_with(folder, home)
        taken: dict[int, list[float]] = {1: [], 2: []}
        for _ in range(_PAIRS):
            for workers, times in taken.items():
                # What the last search leaves is not copied into the next one's workers.
                gc.collect()
                seconds, found = search(parts, PrefixMa(), workers)
                times.append(seconds)
        sums = found.result["sums"]
        right = sums["trades"] == STATED[0] and abs(sums["final_equity"] - STATED[1]) < 0.05
        one, two = (median(times) for times in taken.values())
        gains = sorted(a / b for a, b in zip(*taken.values(), strict=True))
        said = f"{sums['trades']:,} trades, {sums['final_equity']:,.2f}: {'as stated' if right else f'STATED {STATED}'}"
        show("W4, 1,000 combinations x 100,000 bars, 1 worker", f"{one:.2f} s", "")
        show("W4, 1,000 combinations x 100,000 bars, 2 workers", f"{two:.2f} s", said)
        within = f"{gains[len(gains) // 4]:.2f} to {gains[-1 - len(gains) // 4]:.2f} x, half of {_PAIRS} pairs"
        show("W4, 2 workers against 1", f"{median(gains):.2f} x", f"at least 1.7; {within}")
        show("two processes that count, against one", f"{ceiling():.2f} x", "what this machine gives")
        own, found = search(parts, None, 2)
        sums = found.result["sums"]
        show("W4 with `demo_ma`", f"{own:.2f} s", f"{sums['trades']:,} trades, {sums['final_equity']:,.2f}")
        other = peer(folder)
        if other is not None:
            ratio = f"{other[0]:.1f} s = {other[0] / two:.1f} x"
            show("W4 by vectorbt in the same run", ratio, f"at least 15 x; {other[1]:,} trades, {other[2]:,.2f}")
        parts.close()
        lengths = ("--param", f"fast={','.join(map(str, FAST))}", "--param", f"slow={','.join(map(str, SLOW))}")
        seconds, peak, _ = run("optimize", "demo_ma", *PLAIN, "--until", until(home), *lengths, "--fresh", home=home)
        show("`trader optimize`, W4, whole process", f"{seconds:.1f} s, {peak:.0f} MB", "at most 500 MB")
        # The first bars only: what is asked is whether memory grows with the number of combinations.
        short = ("--until", "2022-01-08", "--param", "fast=2:51", "--workers", "2")
        _, few, _ = run("optimize", "demo_ma", *PLAIN, *short, "--param", "slow=200,201", home=home)
        _, many, result = run("optimize", "demo_ma", *PLAIN, *short, "--param", "slow=101:300", home=home)
        assert result["done"] == 10_000
        show("10,000 combinations against 100, peak memory", f"{many:.0f} against {few:.0f} MB", "the same")
