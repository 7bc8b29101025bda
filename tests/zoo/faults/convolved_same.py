"""A moving average by convolution, of which half lies ahead."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class ConvolvedSame(Strategy):
    """A moving average by convolution, of which half lies ahead."""

    def targets(self, bars: Bars) -> Levels:
        mean = np.convolve(bars.close, np.ones(9) / 9.0, mode="same")
        return bars.close > mean
