"""Random numbers with a seed: always the same."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class Seeded(Strategy):
    """Random numbers with a seed: always the same."""

    def targets(self, bars: Bars) -> Levels:
        return np.random.default_rng(7).random(len(bars)) > 0.5
