"""W4 by vectorbt, in an interpreter that has it: `VECTORBT=/path/to/python python benchmarks/run.py` runs this beside ours.

    /path/to/python benchmarks/vectorbt_w4.py DATA

Prints seconds, trades and the sum of final equities. The combinations go through in 25 parts, one a fast length: all at once
they take 15 GB and no less time.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import vectorbt as vbt


def prefix_mean(values: np.ndarray, period: int) -> np.ndarray:
    """Return the mean of the last `period` values from a running sum, NaN at first."""
    total = np.cumsum(values)
    mean = np.full(len(values), np.nan)
    mean[period - 1 :] = total[period - 1 :]
    mean[period:] -= total[:-period]
    return mean / period


def main(folder: Path, bars: int) -> None:
    """Run the thousand combinations after one part that warms the compiler."""
    table = pq.read_table(folder / "w1.parquet", columns=["open", "close"]).slice(0, bars)
    opens, close = (table[name].to_numpy() for name in ("open", "close"))
    fasts, slows = np.linspace(5, 50, 25).astype(int), np.linspace(60, 250, 40).astype(int)

    def part(means: dict[int, np.ndarray], fast: int) -> tuple[int, float]:
        level = np.stack([means[fast] > means[slow] for slow in slows], axis=1)
        before = np.vstack([np.zeros((1, level.shape[1]), bool), level[:-1]])
        # Decided at a close, filled at the next open.
        late = (
            np.vstack([np.zeros((1, level.shape[1]), bool), one[:-1]]) for one in (level & ~before, ~level & before)
        )
        entries, exits = late
        held = vbt.Portfolio.from_signals(
            close[:, None], entries, exits, price=opens[:, None], size=1.0, fees=0.001, init_cash=1e7, freq="1min"
        )
        falls = held.max_drawdown()
        assert len(falls) == len(slows)
        return int(held.trades.closed.count().sum()), float(held.final_value().sum())

    means = {int(period): prefix_mean(close, int(period)) for period in {*fasts, *slows}}
    part(means, int(fasts[0]))
    begin = time.perf_counter()
    means = {int(period): prefix_mean(close, int(period)) for period in {*fasts, *slows}}
    found = [part(means, int(fast)) for fast in fasts]
    seconds = time.perf_counter() - begin
    print(seconds, sum(one[0] for one in found), sum(one[1] for one in found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 100_000)
