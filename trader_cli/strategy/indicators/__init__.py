"""Indicators: arrays in, arrays of the same length out, row i from rows 0..i only, NaN until warmed up.

Windowed ones are NaN while their window holds a NaN and recover when it has left. Recursive ones (`ema`,
`rma`, `rsi`, `atr`, `adx`, `macd`, `keltner`) are NaN in a row whose input is NaN and go on from the state
before; they depend on where the series begins, and forget it exponentially. Nothing here uses exp, log or
powers, and sums run in one fixed order: a longer history, the interpreter or another chunk of it give the
same bits.
"""

from trader_cli.strategy.indicators.averages import ema, rma, slope, sma, wma
from trader_cli.strategy.indicators.extremes import Stochastic, donchian, highest, lowest, stochastic
from trader_cli.strategy.indicators.momentum import Macd, cci, macd, roc, rsi
from trader_cli.strategy.indicators.ranges import Adx, adx, atr, keltner, true_range
from trader_cli.strategy.indicators.spread import (
    Bands,
    bollinger,
    realised_volatility,
    returns,
    std,
    zscore,
)
from trader_cli.strategy.indicators.volume import mfi, obv, vwap

__all__ = [
    "Adx",
    "Bands",
    "Macd",
    "Stochastic",
    "adx",
    "atr",
    "bollinger",
    "cci",
    "donchian",
    "ema",
    "highest",
    "keltner",
    "lowest",
    "macd",
    "mfi",
    "obv",
    "realised_volatility",
    "returns",
    "rma",
    "roc",
    "rsi",
    "slope",
    "sma",
    "std",
    "stochastic",
    "true_range",
    "vwap",
    "wma",
    "zscore",
]
