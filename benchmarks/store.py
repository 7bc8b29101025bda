"""Measure the store of bars: 1,000 symbols x 5 years of 1h listed, 50 of them loaded, and the memory that takes.

    python benchmarks/store.py [SYMBOLS]     # the files (1.6 MB each) are made in a temporary folder, or in BENCH_STORE

Each figure is of a process of its own, the median of several; the files are in the system's cache, as they are the second time.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from trader_cli.market.files import file_of, write
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe

HOUR = Timeframe.parse("1h")
BARS = 5 * 365 * 24
FIRST_MS = 1_600_000_000_000 // HOUR.ms * HOUR.ms
LOADED, RUNS = 50, 5

_LIST = """
from trader_cli.market.listing import describe
from trader_cli.market.store import BarStore
store = BarStore(home, home.parent / "none")
rows = describe(store.series())
"""
_LOAD = """
from trader_cli.market.store import BarStore
store = BarStore(home, home.parent / "none")
kept = [store.load(f"S{n:04d}/USD", "kraken", None) for n in range(LOADED)]
assert all(len(one) == BARS for one in kept)
"""
_SPAN = """
from trader_cli.market.store import BarStore
store = BarStore(home, home.parent / "none")
for n in range(SYMBOLS):
    store.load(f"S{n:04d}/USD", "kraken", None)
"""


def fill(folder: Path, symbols: int) -> None:
    """Make the files that are not there yet: a wandering price for each symbol, seeded."""
    stamps = np.arange(FIRST_MS, FIRST_MS + BARS * HOUR.ms, HOUR.ms, dtype=np.int64)
    for n in range(symbols):
        path = file_of(folder, "kraken", f"S{n:04d}/USD", HOUR)
        if path.exists():
            continue
        random = np.random.default_rng(n)
        close = np.round(100.0 * np.exp(np.cumsum(random.normal(0, 0.005, BARS))), 2) + 1.0
        opens = np.concatenate([[close[0]], close[:-1]])
        high = np.round(np.maximum(opens, close) * (1 + random.random(BARS) / 200), 2) + 0.01
        low = np.round(np.minimum(opens, close) * (1 - random.random(BARS) / 200), 2) - 0.01
        volume = np.round(random.random(BARS) * 50, 4)
        write(Bars(f"S{n:04d}/USD", "kraken", HOUR, stamps, opens, high, low, close, volume), path)


def measured(work: str, home: Path, symbols: int) -> tuple[float, float]:
    """Return (median seconds, peak MB) of some work in a process of its own, imports of numpy and ours not counted."""
    code = f"""
import resource, time
from pathlib import Path
import trader_cli.market.store, pyarrow, pyarrow.parquet
home, SYMBOLS, LOADED, BARS = Path({str(home)!r}), {symbols}, {LOADED}, {BARS}
begin = time.perf_counter()
{work}
print(time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    found = []
    for _ in range(RUNS):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        found.append(tuple(float(text) for text in done.stdout.split()))
    return statistics.median(one[0] for one in found), statistics.median(one[1] for one in found)


def command(home: Path, *words: str) -> float:
    """Return the median seconds of a whole command."""
    taken = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "trader_cli", *words, "--home", str(home)], stdout=subprocess.DEVNULL, check=True
        )
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def main() -> None:
    """Make the files, measure, print a table."""
    symbols = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(os.environ.get("BENCH_STORE", temporary))
        begin = time.perf_counter()
        fill(home / "data", symbols)
        print(f"{symbols:,} symbols x {BARS:,} bars, made in {time.perf_counter() - begin:.0f} s")
        print("| what | measured |\n| --- | --- |")
        seconds, most = measured(_LIST, home / "data", symbols)
        print(f"| list {symbols:,} series | {seconds:.3f} s, {most:.0f} MB |")
        print(f"| `trader data list`, whole process | {command(home, 'data', 'list'):.2f} s |")
        print(f"| `trader data list --json`, whole process | {command(home, 'data', 'list', '--json'):.2f} s |")
        seconds, most = measured(_LOAD, home / "data", symbols)
        print(f"| load {LOADED} symbols and keep them | {seconds:.2f} s, {most:.0f} MB |")
        seconds, most = measured(_SPAN, home / "data", symbols)
        print(f"| load all {symbols:,}, one after the other | {seconds:.2f} s, {most:.0f} MB |")


if __name__ == "__main__":
    main()
