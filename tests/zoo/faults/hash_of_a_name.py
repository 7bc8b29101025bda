"""Sizes by the hash of the symbol, which differs from process to process."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class HashOfAName(Strategy):
    """Sizes by the hash of the symbol, which differs from process to process."""

    def targets(self, bars: Bars) -> Levels:
        size = (hash(bars.symbol) % 997 + 1) / 1000.0
        return np.where(bars.close > bars.open, size, 0.0)
