"""Benches for tests of evidence: a strategy that holds every other pair of bars, on bars made to pay what a test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from research import bars_of, lab_of

from trader_cli.config.layers import load_settings
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.lab import Lab
from trader_cli.jobs.ports import BarSource
from trader_cli.jobs.summary import Costs
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Tried
from trader_cli.strategy import Levels, Param, Strategy

LIMITS = load_settings("plain", Path("/nonexistent"), {}, {}).settings.model_dump()["validate"]
FREE = {"costs__fee_bps": "0", "costs__maker_fee_bps": "0", "costs__slippage_bps": "0", "sizing__fraction": "1"}
UNTRIED = Tried(0, (), None, {})


class Turns(Strategy):
    """Hold `length` bars, then none for as long, whatever the market does."""

    length = Param(2, low=1, high=50)

    def targets(self, bars: Bars) -> Levels:
        return np.arange(len(bars)) // self.length % 2 == 0


def held(n: int, length: int = 2) -> np.ndarray[Any, Any]:
    """Which of n bars `Turns` holds from open to close: it is filled one bar after it says so."""
    return (np.arange(n) > 0) & ((np.arange(n) - 1) // length % 2 == 0)


def paying(*spans: tuple[int, tuple[float, ...]], symbol: str = "AAA/USD", volume: float = 1000.0) -> Bars:
    """Daily bars on which `Turns` earns these returns in turn on the bars it holds, and nothing happens on the others.

    spans: (bars, returns that repeat), one after the other.
    """
    n = sum(count for count, _ in spans)
    holds, returns, first = held(n), np.zeros(n), 0
    for count, cycle in spans:
        mine = np.flatnonzero(holds[first : first + count]) + first
        returns[mine] = np.resize(cycle, len(mine))
        first += count
    return bars_of(100.0 * np.cumprod(1.0 + returns), volume=np.full(n, volume), symbol=symbol)


def bench_of(
    lab: Lab, tried: Tried = UNTRIED, source: BarSource | None = None, measured: Costs | None = None, **limits: Any
) -> Bench:
    """A bench with the default limits, but for those stated."""
    return Bench(lab, lab.run(), tried, {**LIMITS, **limits}, 1, source, measured)


def free_bench(*bars: Bars, strategy: Strategy | None = None, tried: Tried = UNTRIED, **limits: Any) -> Bench:
    """A bench of `Turns` with all its cash and no costs."""
    return bench_of(lab_of(strategy or Turns(), *bars, **FREE), tried, **limits)
