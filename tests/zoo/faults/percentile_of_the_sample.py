"""Cheap is below the fifth of all closes there are."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class PercentileOfTheSample(Strategy):
    """Cheap is below the fifth of all closes there are."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close < np.percentile(bars.close, 20)
