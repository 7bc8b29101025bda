"""Buys and holds."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class AlwaysIn(Strategy):
    """Buys and holds."""

    def targets(self, bars: Bars) -> Levels:
        return np.ones(len(bars))
