"""Random numbers of a generator without a seed."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class Unseeded(Strategy):
    """Random numbers of a generator without a seed."""

    def targets(self, bars: Bars) -> Levels:
        return np.random.default_rng().random(len(bars)) > 0.5
