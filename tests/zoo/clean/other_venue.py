"""Holds where the other venue is dearer."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, aligned


class OtherVenue(Strategy):
    """Holds where the other venue is dearer."""

    def targets(self, bars: Bars) -> Levels:
        if not bars.peers:
            return np.zeros(len(bars))
        return aligned(bars.peers[0], bars) > bars.close
