"""Coarser bars from finer ones, closed buckets only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from trader_cli.errors import UsageError
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe


def resample(bars: Bars, timeframe: Timeframe) -> Bars:
    """Return bars of `timeframe` built from finer ones: first open, highest high, lowest low, last close, summed volume.

    A bucket is given once it is over: when a bar that ends it, or a later one, is there. A bucket with holes is built
    from what it has; one without any bar is absent. Row i depends on nothing after the end of its bucket.
    Raises UsageError when the finer timeframe does not divide the coarser one.
    """
    if timeframe == bars.timeframe:
        return bars
    if timeframe < bars.timeframe or timeframe.ms % bars.timeframe.ms:
        raise UsageError(f"`{bars.symbol}`: {timeframe} bars cannot be made from {bars.timeframe} bars")
    if len(bars) == 0:
        return replace(bars, timeframe=timeframe)
    buckets = (bars.open_ms - timeframe.offset_ms) // timeframe.ms
    starts = np.flatnonzero(np.r_[True, buckets[1:] != buckets[:-1]])
    ends = np.r_[starts[1:], len(bars)] - 1
    over = int(bars.open_ms[-1]) + bars.timeframe.ms >= (int(buckets[-1]) + 1) * timeframe.ms + timeframe.offset_ms
    if not over:
        starts, ends = starts[:-1], ends[:-1]
        if len(starts) == 0:
            return replace(bars[:0], timeframe=timeframe)
    whole = int(ends[-1]) + 1
    return replace(
        bars,
        timeframe=timeframe,
        open_ms=buckets[starts] * timeframe.ms + timeframe.offset_ms,
        open=bars.open[starts],
        high=np.maximum.reduceat(bars.high[:whole], starts),
        low=np.minimum.reduceat(bars.low[:whole], starts),
        close=bars.close[ends],
        volume=np.add.reduceat(bars.volume[:whole], starts),
    )
