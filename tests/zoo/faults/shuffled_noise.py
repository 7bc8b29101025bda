"""A random noise over a sound signal."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class ShuffledNoise(Strategy):
    """A random noise over a sound signal."""

    def targets(self, bars: Bars) -> Levels:
        noise = np.random.normal(0.0, 0.01, len(bars))
        return bars.close * (1.0 + noise) > indicators.sma(bars.close, 20)
