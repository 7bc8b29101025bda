"""Buys at the low of the next bar, by a limit order that always fills."""

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy, latch


class NextLowLimit(Strategy):
    """Buys at the low of the next bar, by a limit order that always fills."""

    def targets(self, bars: Bars) -> Signals:
        return Signals(
            target=latch(bars.close > bars.open, bars.close < bars.open), limit=np.append(bars.low[1:], np.nan)
        )
