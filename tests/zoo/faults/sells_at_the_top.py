"""Sells at the highest close of all."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class SellsAtTheTop(Strategy):
    """Sells at the highest close of all."""

    def targets(self, bars: Bars) -> Levels:
        return np.arange(len(bars)) < int(np.argmax(bars.close))
