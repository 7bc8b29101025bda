"""Measure the workloads side by side in one run, check their results to the cent, and print a table.

    python benchmarks/run.py            # BENCH_DATA names a folder with the data, else it is made; VECTORBT the
                                        # interpreter of an environment with vectorbt, to be measured beside

Medians of several runs; what counts are the ratios, the machine is shared.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numba
import numpy as np
from sweeps import w4
from workloads import W3, bare_loop, data_folder, everything, measured, minutes, rules, w1, w2_rules, w3

from trader_cli.engine.replay import run_bars
from trader_cli.engine.state import FILLS, Market, new_book, new_log
from trader_cli.risk.rules import Rules


def median_of(work: Callable[[], None], times: int) -> float:
    """Return the median seconds of `work` after one call that warms it."""
    work()
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def engine(market: Market, steps: np.ndarray, rules: Rules, cash: int, times: int = 15) -> tuple[float, int, float]:
    """Return (median seconds, closed trades, final equity) of one workload.

    The log's memory is made and touched once, outside the clock: the machine's first touch of fresh pages is not the engine's.
    """
    symbols, bars = len(steps), market.prices.shape[1]
    taken, trades, equity = [], 0, 0.0
    log = new_log(bars, 65_536)
    for _ in range(times + 1):
        book = new_book(symbols, (cash,))
        begin = time.perf_counter()
        log = run_bars(market, book, log, rules, steps, 0, 0, bars)
        taken.append(time.perf_counter() - begin)
        count = int(book.account[FILLS])
        trades, equity = int((log.fills[:count, 2] < 0).sum()), float(log.equity[-1])
    return statistics.median(taken[1:]), trades, equity


def process(*arguments: str, times: int = 5, home: str) -> tuple[float, float]:
    """Return (median seconds, peak MB) of a whole process, caches warm."""
    env = {**os.environ, "TRADER_HOME": home}
    command = [sys.executable, *arguments]
    seconds = median_of(lambda: subprocess.run(command, env=env, check=True, capture_output=True), times)
    probe = (
        "import resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe, *command], env=env, check=True, capture_output=True, text=True)
    return seconds, int(done.stdout) / 1024


def show(name: str, value: str, note: str = "") -> None:
    """Print a row."""
    print(f"| {name} | {value} | {note} |", flush=True)


def close_to(found: tuple[int, float], wanted: tuple[int, float]) -> str:
    """Return what came out, and whether it is the stated result to the cent."""
    same = found[0] == wanted[0] and abs(found[1] - wanted[1]) < 0.005
    return f"{found[0]:,} trades, {found[1]:,.3f}: {'as stated' if same else f'STATED {wanted}'}"


def main() -> None:
    """Run everything."""
    folder = data_folder()
    print(f"Python {sys.version.split()[0]}, numba {numba.__version__}, numpy {np.__version__}\n")
    print("| what | figure | result or limit |\n| --- | --- | --- |")
    market, steps, plain, cash = w1(folder)
    planes = (market.prices[0], market.prices[3], market.signals[0])
    opens, closes, level = (np.ascontiguousarray(plane[:, 0]) for plane in planes)
    floor = median_of(lambda: bare_loop(opens, closes, level, np.empty(len(opens))) and None, 15)
    show("bare loop for W1 alone", f"{floor * 1e3:.1f} ms", "the floor")
    one, trades, equity = engine(market, steps, plain, cash)
    speed = f"{one * 1e3:.1f} ms = {1 / one:.0f} M bars/s, {one / floor:.1f} x floor"
    show("W1 engine", speed, close_to((trades, equity), (6972, 9358646.649)))
    two, trades, equity = engine(market, steps, w2_rules(), cash)
    show("W2 engine", f"{two * 1e3:.1f} ms = {1 / two:.0f} M bars/s", close_to((trades, equity), (6972, 9061686.197)))
    longer = Market(
        *(np.tile(plane, (1, 10, 1)) for plane in market[:3]), market.returns, minutes(10 * len(market.open_ms))
    )
    ten, _, _ = engine(longer, steps, plain, cash, 5)
    show("10 x the bars (1 to 10 million, W1 ten times over)", f"{ten / one:.1f} x the time", "at most 11")
    del market, longer
    many, many_steps, slots, cash = w3(folder)
    fifty, trades, equity = engine(many, many_steps, slots, cash, 9)
    show("W3 engine", f"{fifty * 1e3:.1f} ms", close_to((trades, equity), (7208, 1459617.02)))
    guarded, trades, equity = engine(measured(many), many_steps, rules(**W3, **everything()), cash, 9)
    ratio = f"{guarded * 1e3:.1f} ms = {guarded / fifty:.2f} x W3"
    show("W3 with every rule on, at most 3 x", ratio, close_to((trades, equity), (7208, 1459617.02)))
    # Fifty and five hundred symbols, 10,000 bars, no limit of positions: every symbol does the same work in both.
    part = Market(*(plane[:, :10_000].copy() for plane in many[:3]), many.returns, many.open_ms[:10_000])
    wide = Market(*(np.tile(plane, (1, 1, 10)) for plane in part[:3]), part.returns, part.open_ms)
    free = slots._replace(max_positions=0)
    less, _, _ = engine(part, many_steps, free, 10 * cash, 9)
    more, _, _ = engine(wide, np.tile(many_steps, (10, 1)), free, 100 * cash, 9)
    show("10 x the symbols (50 to 500)", f"{more / less:.1f} x the time", "at most 11")
    del many, part, wide
    w4(folder, show)
    with tempfile.TemporaryDirectory() as home:
        processes(folder, home)


def processes(folder: Path, home: str) -> None:
    """Measure whole commands as a user starts them."""
    trader = ("-m", "trader_cli")
    naked, _ = process("-c", "import typer", home=home, times=15)
    usage, _ = process(*trader, "--help", home=home, times=15)
    show("`trader --help`", f"{usage:.3f} s = {usage / naked:.2f} x `import typer`", "at most 2")
    seconds, peak = process(*trader, "backtest", "momentum", home=home)
    show("`trader backtest momentum`, sample data", f"{seconds:.2f} s, {peak:.0f} MB", "at most 1.5 s")
    bring = (
        "data",
        "import",
        str(folder / "w1.parquet"),
        "--exchange",
        "bench",
        "--symbol",
        "W1/USD",
        "--timeframe",
        "1m",
    )
    env = {**os.environ, "TRADER_HOME": home}
    subprocess.run([sys.executable, *trader, *bring], env=env, check=True, capture_output=True)
    plain = ("--preset", "plain", "--cash", "10000000", "--slippage-bps", "0", "--set", "sizing.method=quantity")
    seconds, peak = process(*trader, "backtest", "demo_ma", "--symbols", "W1/USD", *plain, "--json", home=home)
    show("`trader backtest demo_ma`, W1 whole process", f"{seconds:.2f} s, {peak:.0f} MB", "at most 2.5 s, 450 MB")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    show("this benchmark's own peak", f"{own:.0f} MB")


if __name__ == "__main__":
    main()
