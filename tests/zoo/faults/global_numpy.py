"""Random numbers that everybody draws from."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class GlobalNumpy(Strategy):
    """Random numbers that everybody draws from."""

    def targets(self, bars: Bars) -> Levels:
        return np.random.rand(len(bars)) > 0.5
