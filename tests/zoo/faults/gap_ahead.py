"""Sells before a hole in the bars."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class GapAhead(Strategy):
    """Sells before a hole in the bars."""

    def targets(self, bars: Bars) -> Levels:
        apart = np.diff(bars.open_ms, append=bars.open_ms[-1:] + bars.timeframe.ms)
        return apart <= bars.timeframe.ms
