"""Labs and bars for tests of research: seeded random walks, and a lab on any of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from trader_cli.config.layers import load_settings
from trader_cli.engine.panel import build_rules, cash_units
from trader_cli.jobs.lab import Lab
from trader_cli.jobs.plan import MAIN, Chosen, Request, WalletPlan
from trader_cli.jobs.scene import Stage
from trader_cli.jobs.summary import Costs
from trader_cli.model.bars import Bars
from trader_cli.model.instrument import Instrument
from trader_cli.model.timeframe import Timeframe
from trader_cli.money import ONE
from trader_cli.strategy.base import Strategy

FIRST_MS = 1_483_228_800_000
"""2017-01-01T00:00Z, a Sunday."""


def walk(
    n: int,
    seed: int,
    drift: float = 0.0,
    volatility: float = 0.01,
    symbol: str = "AAA/USD",
    timeframe: str = "1d",
    start: float = 100.0,
) -> Bars:
    """Return a seeded random walk of `n` bars without gaps: each close is the next open.

    drift, volatility: mean and deviation of a bar's log return. The highs and lows lie a random way beyond both ends.
    """
    rng = np.random.default_rng(seed)
    steps = rng.normal(drift, volatility, n)
    close = start * np.exp(np.cumsum(steps))
    opens = np.r_[start, close[:-1]]
    beyond = np.abs(rng.normal(0.0, volatility / 2, (2, n)))
    high = np.maximum(opens, close) * (1.0 + beyond[0])
    low = np.minimum(opens, close) * (1.0 - np.minimum(beyond[1], 0.5))
    volume = rng.lognormal(5.0, 0.5, n)
    return bars_of(close, opens, high, low, volume, symbol, timeframe)


def bars_of(
    close: Any,
    opens: Any = None,
    high: Any = None,
    low: Any = None,
    volume: Any = None,
    symbol: str = "AAA/USD",
    timeframe: str = "1d",
) -> Bars:
    """Return bars of these columns; what is left out follows from the closes."""
    last = np.asarray(close, np.float64)
    first = np.r_[last[:1], last[:-1]] if opens is None else np.asarray(opens, np.float64)
    frame = Timeframe.parse(timeframe)
    return Bars(
        symbol=symbol,
        exchange="test",
        timeframe=frame,
        open_ms=FIRST_MS + frame.ms * np.arange(len(last), dtype=np.int64),
        open=first,
        high=np.maximum(first, last) if high is None else np.asarray(high, np.float64),
        low=np.minimum(first, last) if low is None else np.asarray(low, np.float64),
        close=last,
        volume=np.full(len(last), 1000.0) if volume is None else np.asarray(volume, np.float64),
    )


def lab_of(strategy: Strategy, *bars: Bars, preset: str = "plain", cash: str = "10000", **settings: Any) -> Lab:
    """Return a lab in which a strategy trades these bars, of steps of 1e-8 without minimums.

    settings: configuration keys, `costs__fee_bps="10"` for `costs.fee_bps`.
    """
    flags: dict[str, Any] = {"account.cash": cash}
    flags |= {key.replace("__", "."): value for key, value in settings.items()}
    loaded = load_settings(preset, Path("/nonexistent"), {}, flags).settings
    dumped = loaded.model_dump()
    rules = build_rules(dumped, bars[0].timeframe.ms)
    request = Request(
        wallets=(WalletPlan(MAIN, ONE, (Chosen(type(strategy).__name__.lower(), strategy, "0" * 64),)),),
        symbols=tuple(one.symbol for one in bars),
        exchanges=("test",),
        timeframe=bars[0].timeframe,
        since_ms=None,
        until_ms=None,
        cash=cash_units(loaded.account.cash, "account.cash"),
        quote="USD",
        settings=dumped,
        method=loaded.coordination.method,
        timeframes=(),
        levels=None,
        atr_period=loaded.exits.atr_period,
        volatility_bars=loaded.sizing.volatility_bars,
        costs=Costs(float(loaded.costs.fee_bps), float(loaded.costs.slippage_bps)),
        preset=preset,
        config=loaded.model_dump(mode="json"),
    )
    step = Decimal("0.00000001")
    instruments = [Instrument(one.symbol, tick=step, lot=step) for one in bars]
    return Lab(request, Stage(list(bars), {}, instruments, bars[0].timeframe, rules))
