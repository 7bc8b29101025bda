"""States how sure it is."""

import numpy as np

from trader_cli.strategy import Bars, Signals, Strategy, indicators


class SureOfItself(Strategy):
    """States how sure it is."""

    def targets(self, bars: Bars) -> Signals:
        index = indicators.rsi(bars.close, 14)
        return Signals(target=index > 50.0, confidence=np.clip(np.nan_to_num(index / 100.0), 0.0, 1.0))
