"""Takes the periods in the order of a set of words."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class OrderOfASet(Strategy):
    """Takes the periods in the order of a set of words."""

    def targets(self, bars: Bars) -> Levels:
        # So many that two processes hardly ever agree by chance: once in about 4 million times.
        places = {name: place for place, name in enumerate({f"word {number}" for number in range(2000)})}
        share = (places["word 0"] * 2000 + places["word 1"] + 1) / 4_000_000
        return np.where(bars.close > bars.open, 0.2 + share / 2, 0.0)
