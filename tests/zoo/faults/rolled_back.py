"""The next close, rolled to its bar."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class RolledBack(Strategy):
    """The next close, rolled to its bar."""

    def targets(self, bars: Bars) -> Levels:
        return np.roll(bars.close, -1) > bars.close
