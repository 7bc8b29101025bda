"""The workloads as arrays and settings, and the floor they are measured against."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from trader_cli.engine.panel import build_rules, build_steps
from trader_cli.engine.state import Market
from trader_cli.model.instrument import Instrument
from trader_cli.risk.rules import Rules
from trader_cli.strategy import indicators

ROOT = Path(__file__).resolve().parent.parent


def data_folder() -> Path:
    """Return the folder with w1.parquet and w3.parquet, made by the shared generator when they are missing."""
    folder = Path(os.environ.get("BENCH_DATA", ROOT / "bench-data"))
    generator = ROOT.parent / "shared" / "bench" / "make_data.py"
    if not (folder / "w3.parquet").exists():
        if not generator.exists():
            sys.exit(f"no benchmark data in {folder}: set BENCH_DATA to a folder with w1.parquet and w3.parquet")
        subprocess.run([sys.executable, str(generator), "--out", str(folder)], check=True)
    return folder


def rules(**changed: object) -> Rules:
    """Return rules with 10 bps of fee and everything else off."""
    values: dict[str, object] = {
        name: Decimal(0)
        for name in ("slippage_bps", "size_notional", "size_fraction", "dead_band_pct", "stop_pct", "target_pct")
    }
    values |= {name: Decimal(0) for name in ("trail_pct", "min_notional")}
    values |= {"fee_bps": Decimal(10), "maker_fee_bps": Decimal(10), "size_quantity": Decimal(1)}
    values |= {"size_method": "quantity", "rebalance": False, "max_positions": 0}
    return build_rules(**(values | changed))  # type: ignore[arg-type]


def w1(folder: Path, count: int = 1_000_000) -> tuple[Market, np.ndarray, Rules, int]:
    """Return (market, steps, rules, cash) of W1: one symbol, SMA(20) over SMA(100), one unit a trade."""
    table = pq.read_table(folder / "w1.parquet").slice(0, count)
    prices = np.stack([table[name].to_numpy() for name in ("open", "high", "low", "close")])[:, :, None].copy()
    close = prices[3, :, 0].copy()
    level = (indicators.sma(close, 20) > indicators.sma(close, 100)).astype(float)
    return (
        Market(prices, level.reshape(1, -1, 1).copy()),
        build_steps([Instrument("W1/USD")]),
        rules(),
        10_000_000 * 10**8,
    )


def w2_rules() -> Rules:
    """Return W2's rules: W1 with slippage, stop and target."""
    return rules(slippage_bps=Decimal(5), stop_pct=Decimal(2), target_pct=Decimal(4))


def w3(folder: Path, symbols: int = 50) -> tuple[Market, np.ndarray, Rules, int]:
    """Return W3: 50 symbols on shared cash, RSI(14) under 30 in, over 70 out, at most 10 positions of 50,000.

    The RSI is the one the stated figures were made with: exponential means of alpha 1/14 that begin at the first change,
    from bar 27 on. Ours (`indicators.rsi`) begins with a plain mean of 14 changes, as Wilder and TA-Lib do.
    """
    table = pq.read_table(folder / "w3.parquet")
    names = ("open", "high", "low", "close")
    prices = np.stack([table[name].to_numpy().reshape(50, -1).T[:, :symbols] for name in names]).copy()
    level = np.full((1, *prices.shape[1:]), np.nan)
    for s in range(symbols):
        change = pd.Series(prices[3, :, s]).diff()
        moves = (change.clip(lower=0), -change.clip(upper=0))
        up, down = (one.ewm(alpha=1 / 14, adjust=False, min_periods=27).mean() for one in moves)
        rsi = (100 - 100 / (1 + up / down)).to_numpy()
        level[0, rsi < 30, s] = 1.0
        level[0, rsi > 70, s] = 0.0
    steps = build_steps([Instrument(f"S{s:02d}/USD") for s in range(symbols)])
    chosen = rules(size_method="notional", size_notional=Decimal(50_000), max_positions=10)
    return Market(prices, level), steps, chosen, 2_000_000 * 10**8


@numba.njit(error_model="numpy")
def bare_loop(opens: np.ndarray, closes: np.ndarray, level: np.ndarray, equity: np.ndarray) -> int:
    """The floor: W1 alone, in floats, with no rule, no book and no log; returns the number of fills."""
    cash, held, wish, count = 1e7, 0.0, 0, 0
    for bar in range(len(opens)):
        if wish > 0:
            cash -= opens[bar] * 1.001
            held, wish, count = 1.0, 0, count + 1
        elif wish < 0:
            cash += opens[bar] * 0.999
            held, wish, count = 0.0, 0, count + 1
        equity[bar] = cash + held * closes[bar]
        if level[bar] > 0:
            wish = 1 if held == 0 else 0
        elif held > 0:
            wish = -1
    return count
