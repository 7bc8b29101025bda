"""Bring whatever an author passes into the one array type that compiled functions see.

A compiled function is compiled again for each new array type: read-only or not, contiguous or not, float32,
pandas. Here all become one: contiguous, aligned, read-only float64 (or bool). Nothing is copied that fits
already.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from trader_cli.errors import StrategyError
from trader_cli.model.bars import Bars, Floats
from trader_cli.strategy.signals import Bools

Scalar = TypeVar("Scalar", bound=np.generic)


def column(values: npt.ArrayLike) -> Floats:
    """Return the values as a contiguous read-only float64 view or copy, shape (n,)."""
    return _sealed(np.require(values, np.float64, ("C", "A")))


def flags(values: npt.ArrayLike) -> Bools:
    """Return the values as a contiguous read-only bool view or copy, shape (n,); NaN is False."""
    array = np.asarray(values)
    if array.dtype.kind == "f":
        array = np.nan_to_num(array, nan=0.0) != 0.0
    return _sealed(np.require(array, np.bool_, ("C", "A")))


def same_length(*columns: Floats | Bools) -> None:
    """Raise StrategyError where columns differ in length."""
    lengths = {len(each) for each in columns}
    if len(lengths) > 1:
        raise StrategyError(f"columns of different lengths: {', '.join(str(len(each)) for each in columns)}")


def whole(period: int, least: int = 1) -> int:
    """Return the period as an int. Raises StrategyError below `least` or for a fraction."""
    if int(period) != period or period < least:
        raise StrategyError(f"the period is {period}, it must be a whole number from {least} up")
    return int(period)


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below, NaN where `below` is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out: Floats = above / below
    out[below == 0.0] = np.nan
    return out


def earlier(values: Floats, bars: int) -> Floats:
    """Return the values of `bars` rows before, NaN in the rows that have none."""
    out = np.full(len(values), np.nan)
    rows = whole(bars, least=0)
    if rows < len(values):
        out[rows:] = values[: len(values) - rows]
    return out


def carried(values: npt.ArrayLike, start: float = np.nan) -> Floats:
    """Return the values with each NaN replaced by the last value before it, by `start` where there is none."""
    series = column(values)
    rows = np.where(np.isnan(series), -1, np.arange(len(series)))
    last = np.maximum.accumulate(rows)
    return np.where(last >= 0, series[last], start)


def aligned(peer: Bars, bars: Bars) -> Floats:
    """Return the closes of the peer's bars at the opens of `bars`, shape (n,), NaN where the peer has no such bar.

    Only bars of the same open and length are known at the same time. Raises StrategyError for another timeframe.
    """
    if peer.timeframe != bars.timeframe:
        raise StrategyError(
            f"`{peer.symbol}` has bars of {peer.timeframe} at `{peer.exchange}` and of {bars.timeframe} at "
            f"`{bars.exchange}`",
            "compare bars of one timeframe",
        )
    out = np.full(len(bars), np.nan)
    _, here, there = np.intersect1d(bars.open_ms, peer.open_ms, assume_unique=True, return_indices=True)
    out[here] = peer.close[there]
    return out


def _sealed(array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
    if array.ndim != 1:
        raise StrategyError(f"a column has shape {array.shape}, it must have one value a bar")
    view = array.view()
    view.flags.writeable = False
    return view
