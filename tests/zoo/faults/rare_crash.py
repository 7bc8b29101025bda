"""Sells before the worst falls only."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class RareCrash(Strategy):
    """Sells before the worst falls only."""

    def targets(self, bars: Bars) -> Levels:
        coming = np.append(bars.close[1:], np.nan)
        return ~(coming < bars.close * 0.93)
