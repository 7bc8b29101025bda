"""The slope of the price by differences of both neighbours."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class CentralDifference(Strategy):
    """The slope of the price by differences of both neighbours."""

    def targets(self, bars: Bars) -> Levels:
        if len(bars) < 2:
            return np.zeros(len(bars))
        return np.gradient(bars.close) > 0.0
