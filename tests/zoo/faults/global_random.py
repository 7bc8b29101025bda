"""Random numbers of the standard library."""

import random

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class GlobalRandom(Strategy):
    """Random numbers of the standard library."""

    def targets(self, bars: Bars) -> Levels:
        return np.array([random.random() > 0.5 for _ in range(len(bars))])
