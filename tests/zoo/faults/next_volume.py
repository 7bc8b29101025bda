"""Holds where the next bar trades more."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class NextVolume(Strategy):
    """Holds where the next bar trades more."""

    def targets(self, bars: Bars) -> Levels:
        return np.append(bars.volume[1:], np.nan) > bars.volume
