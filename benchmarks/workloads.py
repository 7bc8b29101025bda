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

from trader_cli.config.layers import load_settings
from trader_cli.engine.panel import build_rules, build_steps
from trader_cli.engine.state import Market
from trader_cli.model.instrument import Instrument
from trader_cli.risk.returns import bar_returns
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
    """Return the rules of the preset `plain` with 10 bps of fee, no slippage, one unit a trade; keys as `section__name`."""
    settings = load_settings("plain", Path("/nowhere"), {}, {}).settings.model_dump()
    values = {"costs__slippage_bps": 0, "sizing__method": "quantity", "sizing__dead_band_pct": 0, **changed}
    for key, value in values.items():
        section, _, name = key.partition("__")
        known = settings[section][name]
        settings[section][name] = Decimal(str(value)) if isinstance(known, Decimal) else value
    return build_rules(settings, 60_000)


def measured(market: Market) -> Market:
    """Return the market with what the rules of `everything` read: average true range, volatility, confidence."""
    bars, symbols = market.prices.shape[1:]
    measures = np.ones((3, bars, symbols))
    for s in range(symbols):
        high, low, close = (np.ascontiguousarray(market.prices[plane, :, s]) for plane in (1, 2, 3))
        measures[0, :, s] = indicators.atr(high, low, close, 14)
    return market._replace(measures=measures, returns=bar_returns(market.prices[3]))


def everything() -> dict[str, object]:
    """Return every limit, breaker and exit switched on, so wide that W3 trades as without them."""
    risk: dict[str, object] = {
        "stop_pct": 90, "target_pct": 900, "trail_pct": 95, "min_notional": 2, "raise_to_minimum": "1.1",
        "max_symbol_pct": 90, "max_wallet_pct": 100, "max_gross_pct": 100, "cash_reserve_pct": 1,
        "max_correlation": "0.999", "max_var_pct": 5, "max_cvar_pct": 5, "min_confidence": "0.5", "max_gap_bars": 5,
        "daily_loss_pct": 90, "drawdown_pct": 95, "wallet_daily_loss_pct": 90, "wallet_drawdown_pct": 95,
        "losing_streak": 1000, "cool_down_bars": 5, "swap_atr": "0.00000001",
    }  # fmt: skip
    exits: dict[str, object] = {
        "stop_atr": 500, "trail_atr": 900, "break_even_pct": 900, "micro_profit_pct": 900, "partial_pct": 900,
        "max_bars": 50_000, "high_score": 100,
    }  # fmt: skip
    both = (("risk", risk), ("exits", exits))
    return {f"{section}__{name}": value for section, values in both for name, value in values.items()}


def w2_rules() -> Rules:
    """Return W2's rules: W1 with slippage, stop and target."""
    return rules(costs__slippage_bps=5, risk__stop_pct=2, risk__target_pct=4)


W3: dict[str, object] = {"sizing__method": "notional", "sizing__notional": 50_000, "risk__max_positions": 10}


def minutes(count: int) -> np.ndarray:
    """Return the opens of `count` minute bars, ms UTC."""
    return np.arange(count, dtype=np.int64) * 60_000


def w1(folder: Path, count: int = 1_000_000) -> tuple[Market, np.ndarray, Rules, int]:
    """Return (market, steps, rules, cash) of W1: one symbol, SMA(20) over SMA(100), one unit a trade."""
    table = pq.read_table(folder / "w1.parquet").slice(0, count)
    prices = np.stack([table[name].to_numpy() for name in ("open", "high", "low", "close")])[:, :, None].copy()
    close = prices[3, :, 0].copy()
    level = (indicators.sma(close, 20) > indicators.sma(close, 100)).astype(float)
    return (
        Market(
            prices, level.reshape(1, -1, 1).copy(), np.empty((0, len(close), 1)), np.empty((0, 0)), minutes(len(close))
        ),
        build_steps([Instrument("W1/USD")]),
        rules(),
        10_000_000 * 10**8,
    )


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
    chosen = rules(**W3)
    empty = np.empty((0, *prices.shape[1:]))
    return Market(prices, level, empty, np.empty((0, 0)), minutes(prices.shape[1])), steps, chosen, 2_000_000 * 10**8


def prefix_mean(values: np.ndarray, period: int) -> np.ndarray:
    """Return the mean of the last `period` values from one running sum, shape (n,), NaN at first."""
    total = np.cumsum(values)
    mean = np.full(len(values), np.nan)
    mean[period - 1 :] = total[period - 1 :]
    mean[period:] -= total[:-period]
    return mean / period


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
