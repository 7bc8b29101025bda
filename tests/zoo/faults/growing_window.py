"""The highest of as many bars as there are, up to eighty."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, latch


class GrowingWindow(Strategy):
    """The highest of as many bars as there are, up to eighty."""

    def targets(self, bars: Bars) -> Levels:
        highs = np.array([bars.high[max(0, i - 80) : i].max(initial=0.0) for i in range(len(bars))])
        return latch(bars.close > highs, bars.close < highs * 0.95)
