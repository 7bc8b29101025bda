"""One strategy asked on several timeframes at once, each of closed bars only, and how far they agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from trader_cli.errors import UsageError
from trader_cli.model.bars import COLUMNS, Bars, Floats
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.signals import Signals

# Bars of a coarser timeframe from finer ones, buckets that are over only.
Resample: TypeAlias = Callable[[Bars, Timeframe], Bars]

# A mean of decimal confidences is 0.75 or it is not: the last bits of a sum must not lift it over a strict threshold.
_DECIMALS = 12


def agree(strategy: Strategy, bars: Bars, timeframes: tuple[Timeframe, ...], resample: Resample) -> Signals:
    """Return the strategy's signals on `bars`, with the consensus of all timeframes as their confidence.

    confidence: shape (n,), in [0, 1], never NaN: the mean over the timeframes of the strategy's confidence where it
    wants to hold (level above 0), of 1 where it wants to and states none, of 0 where it does not, has no opinion (NaN)
    or where no bar of that timeframe has closed yet. Rounded to 12 decimals. Everything else is said by `bars` alone.
    A bar of a coarser timeframe counts from the first of `bars` whose close is not before its own close, until the next
    one closes. The strategy sees each timeframe on its own, with peers of the same timeframe.
    Raises UsageError where the first timeframe is not that of `bars` or the others are not rising multiples of it, and
    StrategyError as `compute` does.
    """
    _check(timeframes)
    if timeframes[0] != bars.timeframe:
        raise UsageError(
            f"the first timeframe is {timeframes[0]}, the bars of `{bars.symbol}` are of {bars.timeframe}",
            f"name them from {bars.timeframe} up",
        )
    signals = compute(strategy, bars)
    total = _conviction(signals)
    closes = bars.open_ms + bars.timeframe.ms
    for timeframe in timeframes[1:]:
        coarse = _coarser(bars, timeframe, resample)
        if len(coarse) == 0:
            continue
        # An instance of its own: what a strategy remembers of one timeframe is no part of another.
        said = compute(type(strategy)(**strategy.params), coarse)
        newest = np.searchsorted(coarse.open_ms + timeframe.ms, closes, side="right") - 1
        total += np.where(newest >= 0, _conviction(said)[newest], 0.0)
    return replace(signals, confidence=np.round(total / len(timeframes), _DECIMALS))


def scaled(timeframes: tuple[Timeframe, ...], base: Timeframe) -> tuple[Timeframe, ...]:
    """Return the timeframes with their ratios kept and `base` as the first: 1m, 5m, 15m on 30m are 30m, 150m, 450m.

    Raises UsageError where they are not rising multiples of the first.
    """
    _check(timeframes)
    return tuple(Timeframe(each.ms // timeframes[0].ms * base.ms) for each in timeframes)


def _check(timeframes: tuple[Timeframe, ...]) -> None:
    if not timeframes:
        raise UsageError("no timeframe to agree on", "name at least one, e.g. `1m`")
    listed = ", ".join(str(each) for each in timeframes)
    if any(not one < other for one, other in pairwise(timeframes)):
        raise UsageError(f"the timeframes {listed} do not rise", "name each once, the finest first")
    odd = [each for each in timeframes if each.ms % timeframes[0].ms]
    if odd:
        raise UsageError(f"{odd[0]} bars cannot be made from {timeframes[0]} bars", "name multiples of the first")


def _conviction(signals: Signals) -> Floats:
    stated: Floats = np.ones(len(signals.target)) if signals.confidence is None else signals.confidence
    return np.where(signals.target > 0.0, np.where(np.isnan(stated), 1.0, stated), 0.0)


def _coarser(bars: Bars, timeframe: Timeframe, resample: Resample) -> Bars:
    peers = tuple(_ended(resample(peer, timeframe), peer) for peer in bars.peers)
    return replace(resample(bars, timeframe), peers=peers)


def _ended(coarse: Bars, finer: Bars) -> Bars:
    # A venue's bucket is closed by the venue's own bar that ends with it. One closed only by a later bar may be known
    # after the bars it would be compared with, and not be there when they are decided on.
    ends = np.isin(coarse.open_ms + coarse.timeframe.ms, finer.open_ms + finer.timeframe.ms)
    columns: dict[str, Any] = {name: getattr(coarse, name)[ends] for name in ("open_ms", *COLUMNS)}
    return replace(coarse, **columns)
