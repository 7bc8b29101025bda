"""The next close at the other venue."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, aligned


class PeerAhead(Strategy):
    """The next close at the other venue."""

    def targets(self, bars: Bars) -> Levels:
        if not bars.peers:
            return np.zeros(len(bars))
        coming = np.append(aligned(bars.peers[0], bars)[1:], np.nan)
        return coming > bars.close
