"""Holds below a line fitted through all closes."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class FittedLine(Strategy):
    """Holds below a line fitted through all closes."""

    def targets(self, bars: Bars) -> Levels:
        rows = np.arange(len(bars), dtype=np.float64)
        if len(bars) < 3 or np.isnan(bars.close).any():
            return np.zeros(len(bars))
        slope, level = np.polyfit(rows, bars.close, 1)
        return bars.close < slope * rows + level
