"""The change from the bar before; the first bar takes the last close."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class WrappedAround(Strategy):
    """The change from the bar before; the first bar takes the last close."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close > np.roll(bars.close, 1)
