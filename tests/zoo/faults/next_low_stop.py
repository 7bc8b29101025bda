"""A stop just under the low of the next bar."""

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy, latch


class NextLowStop(Strategy):
    """A stop just under the low of the next bar."""

    def targets(self, bars: Bars) -> Signals:
        lows = np.append(bars.low[1:], np.nan)
        return Signals(target=latch(bars.close > bars.open, bars.close < bars.open), stop=lows * 0.999)
