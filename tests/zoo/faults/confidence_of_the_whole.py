"""As sure as it will ever be is 1."""

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy, indicators, latch


class ConfidenceOfTheWhole(Strategy):
    """As sure as it will ever be is 1."""

    def targets(self, bars: Bars) -> Signals:
        spread = np.nan_to_num(indicators.std(bars.close, 10))
        confidence = spread / max(float(spread.max(initial=0.0)), 1e-9)
        return Signals(target=latch(bars.close > bars.open, bars.close < bars.open), confidence=confidence)
