"""Which markets a page shows, and how coarse their candles are: as much as a reader can see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trader_cli.model.bars import Bars, Ints
from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe

_MOST_CANDLES = 200_000
_LEAST_CANDLES = 500
_MOST_MARKETS = 40
_COARSER = ("5m", "15m", "30m", "1h", "2h", "4h", "8h", "12h", "1d", "1w")


@dataclass(frozen=True, eq=False)
class Shown:
    """One market of a page. symbol: as the run names it. bars: the run's own; candles: coarser where there are too many."""

    symbol: str
    bars: Bars
    candles: Bars

    @property
    def ends(self) -> Ints:
        """The opens of the last own bar of each candle, int64 (n,), ms UTC, rising; the last is the newest bar."""
        candle = np.searchsorted(self.candles.open_ms, self.bars.open_ms, side="right")
        return self.bars.open_ms[np.flatnonzero(np.r_[candle[1:] != candle[:-1], True])]


def shown_markets(series: Mapping[str, Bars], traded: Sequence[str]) -> list[Shown]:
    """Return the markets of which candles are shown, those traded most first. traded: the symbol of every fill."""
    counts = {symbol: 0 for symbol, bars in series.items() if len(bars)}
    for symbol in traded:
        if symbol in counts:
            counts[symbol] += 1
    markets = sorted(counts, key=lambda one: (-counts[one], one))[:_MOST_MARKETS]
    most = max(_MOST_CANDLES // max(len(markets), 1), _LEAST_CANDLES)
    return [Shown(one, series[one], _coarse(series[one], most)) for one in markets]


def _coarse(bars: Bars, most: int) -> Bars:
    """Return bars, coarser ones where there are more than `most`."""
    shown = bars
    for text in _COARSER:
        if len(shown) <= most:
            break
        wanted = Timeframe.parse(text)
        if wanted > bars.timeframe and wanted.ms % bars.timeframe.ms == 0:
            shown = resample(bars, wanted)
    return shown
