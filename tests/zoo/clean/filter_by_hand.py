"""A recursive filter in a loop of its own."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class FilterByHand(Strategy):
    """A recursive filter in a loop of its own."""

    def targets(self, bars: Bars) -> Levels:
        level = np.full(len(bars), np.nan)
        for i in range(len(bars)):
            level[i] = (
                bars.close[i]
                if i == 0 or np.isnan(level[i - 1])
                else level[i - 1] + 0.2 * (bars.close[i] - level[i - 1])
            )
        return np.where(np.arange(len(bars)) < 30, False, bars.close > level)
