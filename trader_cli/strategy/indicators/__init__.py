"""Indicators: arrays in, arrays of the same length out, row i from rows 0..i only, NaN until warmed up."""

from trader_cli.strategy.indicators.averages import sma

__all__ = ["sma"]
