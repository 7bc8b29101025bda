"""Measure a scan: its computing part, and at Kraken's public rate against a local exchange that enforces it.

python benchmarks/scan.py             # 1,000 symbols x 1,000 bars x 7 strategies, medians of several runs
python benchmarks/scan.py pairs       # 184 symbols where a candle call a second and pair is allowed: cold, warm, a new bar
python benchmarks/scan.py venue       # the same where it allows one public call a second in all: turned away, and remembered
python benchmarks/scan.py profile     # which lines the computing part spends its time in, on one thread
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from exchange import ExchangeServer

from trader_cli.jobs.scan import Gathered, scan
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.scanning import terms_of
from trader_cli.wiring import Wiring

SYMBOLS, BARS, RUNS = 1_000, 1_000, 5
STRATEGIES = "arbitrage,demo_ma,grid,mean_reversion,momentum,trend_breakout,volatility"
MARKETS = 184
HOUR = Timeframe.parse("1h")


def walks() -> list[Bars]:
    """Return seeded random walks, one a symbol."""
    rng = np.random.default_rng(1)
    stamps = HOUR.ms * np.arange(BARS, dtype=np.int64)
    made = []
    for i in range(SYMBOLS):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, BARS)))
        opens = np.r_[100.0, close[:-1]]
        high, low = np.maximum(opens, close) * 1.003, np.minimum(opens, close) * 0.997
        made.append(Bars(f"S{i}/USD", "test", HOUR, stamps, opens, high, low, close, rng.lognormal(8, 0.5, BARS)))
    return made


def computing(*, profiled: bool) -> None:
    """Print how long the strategies, the filters and the ranking take."""
    with tempfile.TemporaryDirectory() as home:
        parts = Wiring(Path(home), None, {"scan.workers": 1 if profiled else 0})
        request, terms, series = parts.request(STRATEGIES, {}), terms_of(parts), walks()
        scan(request, Gathered(series[:4], {}), terms)
        if profiled:
            profile = cProfile.Profile()
            profile.runcall(scan, request, Gathered(series, {}), terms)
            pstats.Stats(profile).sort_stats("tottime").print_stats(28)
            return
        taken, used = [], []
        for _ in range(RUNS):
            begin, own = time.perf_counter(), time.process_time()
            done = scan(request, Gathered(series, {}), terms)
            taken.append(time.perf_counter() - begin)
            used.append(time.process_time() - own)
        answers = sum(map(len, done.signals.values()))
        print(
            f"{SYMBOLS:,} symbols x {BARS:,} bars x {len(STRATEGIES.split(','))} strategies on {os.cpu_count()} cores: "
            f"{statistics.median(taken):.2f} s (from {min(taken):.2f} to {max(taken):.2f}), of own time "
            f"{statistics.median(used):.2f} s, {answers:,} answers"
        )


def at_venue(*, by_pair: bool) -> None:
    """Print how long a scan of the exchange's markets takes from outside, process and all.

    by_pair: the exchange limits candles by pair, as the scan counts them; else all public calls by address.
    """
    with tempfile.TemporaryDirectory() as home, ExchangeServer(["kraken"]) as server:
        usual = len([one for one in server.venues["kraken"].listings.values() if one.quote == "USD"])
        server.do("synthetic", count=MARKETS - usual, quote="USD")
        server.do("wander")
        server.do("limits", venue="kraken", public_ms=1000, by_pair=by_pair)
        words = ["scan", "--strategy", STRATEGIES, "--quote", "USD", "--timeframe", "1h", "--json"]
        settings = [
            f"venue.api_url={server.url}",
            "scan.min_volume=0",
            "scan.max_order_pct=0",
        ]
        for setting in ("venue.id=kraken", *settings):
            words += ["--set", setting]
        env = {**os.environ, "TRADER_HOME": home, "XDG_STATE_HOME": f"{home}/state"}
        everything = ("--set", "scan.limit_s=600")
        # What it is turned away for is forgotten at once, so that the next run meets it too.
        forgetting = ("--set", "scan.by_pair_pause_h=0")
        for what, more, moves in (
            ("nothing stored", forgetting, 0),
            ("nothing stored of the rest, without a limit of time", (*everything, *forgetting), 0),
            ("all stored, no new bar", (), 0),
            ("all stored, one new bar each", (), HOUR.ms),
            ("all stored, another new bar each", (), HOUR.ms),
        ):
            if moves:
                server.do("clock", advance_ms=moves, frozen=False)
            before = len(server.requests())
            begin, own = time.perf_counter(), os.times()
            done = subprocess.run([sys.executable, "-m", "trader_cli", *words, *more], env=env, capture_output=True)
            seconds, spent = time.perf_counter() - begin, os.times()
            used = spent.children_user + spent.children_system - own.children_user - own.children_system
            if done.returncode:
                sys.exit(done.stderr.decode())
            result = json.loads(done.stdout)["result"]
            refused = server.do("stats")["refused"]["kraken"]
            calls = len(server.requests()) - before
            print(
                f"{result['universe']['symbols']} symbols, {what}: {seconds:.1f} s ({used:.1f} s of own time), {calls} calls, "
                f"{refused} refused, {result['approved']} approved, bars {result['bar']}; {' '.join(result['notes'])}",
                flush=True,
            )


if __name__ == "__main__":
    if {"venue", "pairs"} & set(sys.argv[1:]):
        at_venue(by_pair="pairs" in sys.argv[1:])
    else:
        computing(profiled="profile" in sys.argv[1:])
