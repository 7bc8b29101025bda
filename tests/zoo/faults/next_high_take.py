"""Takes its profit at the high of the next bar."""

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy


class NextHighTake(Strategy):
    """Takes its profit at the high of the next bar."""

    def targets(self, bars: Bars) -> Signals:
        return Signals(target=np.ones(len(bars)), take=np.append(bars.high[1:], np.nan))
