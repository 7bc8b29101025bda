"""Takes the periods in the order of a set of words."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class OrderOfASet(Strategy):
    """Takes the periods in the order of a set of words."""

    def targets(self, bars: Bars) -> Levels:
        weights = {
            name: float(rank) for rank, name in enumerate({"alpha", "beta", "gamma", "delta", "epsilon", "zeta"})
        }
        return np.where(bars.close > bars.open, (weights["alpha"] * 7 + weights["beta"] + 1) / 50.0, 0.0)
