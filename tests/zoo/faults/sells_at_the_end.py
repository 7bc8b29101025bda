"""Sells where the series ends."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class SellsAtTheEnd(Strategy):
    """Sells where the series ends."""

    def targets(self, bars: Bars) -> Levels:
        target = np.ones(len(bars))
        target[-1:] = 0.0
        return target
