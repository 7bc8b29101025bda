"""Measure a quiet paper cycle on 20 symbols against a local exchange: its own time, its memory, its calls.

    python benchmarks/cycle.py [kraken|binance]

Own time is the processor time of the process (user and system); waiting for the venue is not in it. Medians of several runs.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from exchange import ExchangeServer, Listing

SYMBOLS = 20
RUNS = 7
TIMEFRAME_MS = 3_600_000


def listings() -> list[Listing]:
    """Return markets nobody has heard of, each with a price of its own."""
    step = Decimal("0.00000001")
    return [
        Listing(f"W{i}", "USD", Decimal(10 * i), Decimal("0.0001"), step, Decimal("0.01"), Decimal(1))
        for i in range(1, SYMBOLS + 1)
    ]


def cycle(home: str, venue: str, url: str) -> tuple[float, float, int]:
    """Run one cycle; return its processor seconds, its peak MB and its exit code."""
    symbols = ",".join(one.symbol for one in listings())
    words = ["paper", "demo_ma", "--once", "--json", "--symbols", symbols, "--timeframe", "1h"]
    words += ["--set", f"venue.id={venue}", "--set", f"venue.api_url={url}"]
    env = {**os.environ, "TRADER_HOME": home, "XDG_STATE_HOME": f"{home}/state"}
    run = subprocess.Popen([sys.executable, "-m", "trader_cli", *words], env=env, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(run.pid, 0)
    run.returncode = os.waitstatus_to_exitcode(status)
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, run.returncode


def main() -> int:
    """Print a line a kind of cycle."""
    for venue in sys.argv[1:] or ["kraken", "binance"]:
        with tempfile.TemporaryDirectory() as home, ExchangeServer([venue], listings={venue: listings()}) as server:
            server.do("wander")
            first = cycle(home, venue, server.url)
            for what, moves in (("nothing to do", 0), ("one new bar", TIMEFRAME_MS)):
                taken = []
                for _ in range(RUNS):
                    if moves:
                        server.do("clock", advance_ms=moves)
                    before = len(server.requests())
                    taken.append((*cycle(home, venue, server.url), len(server.requests()) - before))
                seconds, megabytes, codes, calls = zip(*taken, strict=True)
                assert set(codes) == {0}, codes
                print(
                    f"{venue}, {SYMBOLS} symbols, {what}: {statistics.median(seconds):.2f} s of own time "
                    f"(first cycle {first[0]:.2f}), {max(megabytes):.0f} MB, {statistics.median(calls):.0f} calls"
                )
    return 0


if __name__ == "__main__":
    sys.exit(main())
