"""A moving average padded where it ends instead of where it begins."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class PaddedAtTheEnd(Strategy):
    """A moving average padded where it ends instead of where it begins."""

    def targets(self, bars: Bars) -> Levels:
        mean = np.convolve(bars.close, np.ones(8) / 8.0, mode="valid")
        return bars.close > np.append(mean, np.full(len(bars) - len(mean), np.nan))[: len(bars)]
