"""Markets with nothing to find in them, and one with an edge of known strength."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tests.research import bars_of, walk
from trader_cli.model.bars import Bars, Floats

DAYS = 1500
REAL = (
    ("crypto-1d/unknown/BTC-USD-1d.parquet", 1),
    ("stocks/us-stocks/SPY-1d.parquet", 1),
    ("forex/oanda/NZD-USD-1h.parquet", 24),
)
"""Files of the shared test data, and how many of their bars are read as one day."""


def random_walk(seed: int) -> Bars:
    """Return 1,500 days of a random walk, 2 % a day, whose price has no drift."""
    # Half the variance is what the mean of a log return lacks against that of the price.
    return walk(DAYS, seed, drift=-0.0002, volatility=0.02)


def real_returns(folder: Path) -> list[Floats]:
    """Return the daily returns of real closes, one array a market."""
    closes = [pq.read_table(folder / name).column("close").to_numpy()[::step] for name, step in REAL]
    return [one[1:] / one[:-1] for one in closes]


def shuffled(seed: int, returns: list[Floats]) -> Bars:
    """Return at most 1,500 real days in another order: their drift and fat tails are kept, and nothing of when they came.

    Markets take turns; of a longer one 1,500 days in a row are taken.
    """
    rng = np.random.default_rng(seed)
    whole = returns[seed % len(returns)]
    first = int(rng.integers(0, max(len(whole) - DAYS, 0) + 1))
    return bars_of(100.0 * np.cumprod(rng.permutation(whole[first : first + DAYS])))


def planted(seed: int, strength: float) -> Bars:
    """Return 1,500 days of a market that drifts up or down for a while: an edge that a moving average can know.

    Each day the direction turns with probability 1 / 60; the day's log return is +-strength % on average, 2 % its deviation.
    """
    rng = np.random.default_rng(seed)
    direction = np.where(np.cumsum(rng.random(DAYS) < 1 / 60) % 2 == 0, 1.0, -1.0) * (1 if rng.random() < 0.5 else -1)
    steps = rng.normal(direction * strength / 100, 0.02)
    return bars_of(100.0 * np.exp(np.cumsum(steps)))
