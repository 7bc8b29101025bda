"""Trades at the open of a bar on what that bar will close at."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class SameBarClose(Strategy):
    """Trades at the open of a bar on what that bar will close at."""

    def targets(self, bars: Bars) -> Levels:
        rose = bars.close > bars.open
        return np.append(rose[1:], False)
