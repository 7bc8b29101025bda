"""Sizes by realised volatility."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class CalmMarkets(Strategy):
    """Sizes by realised volatility."""

    def targets(self, bars: Bars) -> Levels:
        volatility = indicators.realised_volatility(bars.close, bars.open_ms, 30)
        return np.clip(0.2 / volatility, 0.0, 1.0)
