"""Volatility targeting: in a rising market, hold the less the wilder it is.

Rising is the mean of 50 bars above that of 200. The size is target volatility over realised volatility, at most 1:
40 % a year is the level to which Moskowitz, Ooi and Pedersen scale each of their markets, about that of a single
stock. A size moves only when it is off by more than the band, since every change costs.

Source: Moreira and Muir (2017), "Volatility-Managed Portfolios", Journal of Finance 72(4); Moskowitz, Ooi and
Pedersen (2012), "Time Series Momentum"; the filter: Faber (2007), "A Quantitative Approach to Tactical Asset
Allocation", Journal of Wealth Management 9(4).
"""

import numpy as np

from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators, settle


class Volatility(Strategy):
    """Hold a rising market at constant risk: target volatility over realised volatility, at most 1."""

    fast = Param(50, low=5, high=400, help="bars in the fast average and in the realised volatility")
    slow = Param(200, low=20, high=1000, help="bars in the slow average")
    target_volatility = Param(0.4, low=0.05, high=2.0, help="wanted volatility a year, as a fraction")
    band = Param(0.1, low=0.0, high=0.5, help="change of size that is left out")

    def targets(self, bars: Bars) -> Levels:
        realised = indicators.realised_volatility(bars.close, bars.open_ms, self.fast)
        size = np.minimum(self.target_volatility / realised, 1.0)
        rising = indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)
        return np.where(rising, settle(size, self.band), 0.0)
