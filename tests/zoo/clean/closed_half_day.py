"""Half-day bars that are over, by the program's own resampling."""

import numpy as np

from trader_cli.model.resample import resample
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Bars, Levels, Strategy, indicators


class ClosedHalfDay(Strategy):
    """Half-day bars that are over, by the program's own resampling."""

    def targets(self, bars: Bars) -> Levels:
        coarse = resample(bars, Timeframe.parse("12h"))
        if len(coarse) == 0:
            return np.zeros(len(bars))
        mean = indicators.sma(coarse.close, 6)
        newest = (
            np.searchsorted(coarse.open_ms + coarse.timeframe.ms, bars.open_ms + bars.timeframe.ms, side="right") - 1
        )
        return np.where(newest >= 0, bars.close > mean[newest], False)
