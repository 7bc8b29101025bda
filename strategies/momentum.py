"""Time-series momentum, long only: what has risen over the long window is held until it has not.

The trend is judged by the t-statistic of the mean return over `slow` bars, so that a calm rise counts for more than a
wild one and the same numbers suit coins and stocks. It must be one standard error above zero to begin, and falls
below zero to end: the gap between the two keeps it from trading to and fro around zero, which costs would not forgive.
168 bars are four weeks of 4-hour bars, the longest span over which crypto was found to trend, and eight months of
daily bars, within the one to twelve over which stocks and futures do.

Source: Moskowitz, Ooi and Pedersen (2012), "Time Series Momentum", Journal of Financial Economics 104(2); for crypto
Liu and Tsyvinski (2021), "Risks and Returns of Cryptocurrency", Review of Financial Studies 34(6).
"""

import math

import numpy as np

from trader_cli.strategy import Bars, Param, Signals, Strategy, indicators, latch


class Momentum(Strategy):
    """Hold what has risen beyond doubt over the long window and still rises over the short one."""

    fast = Param(21, low=1, high=200, help="bars over which it must rise at the entry")
    slow = Param(168, low=20, high=2000, help="bars over which the trend is measured")
    enter_t = Param(1.0, low=0.0, high=5.0, help="t-statistic of the mean return at which it buys")
    certain_t = Param(3.0, low=0.5, high=10.0, help="t-statistic that counts as confidence 1")

    def targets(self, bars: Bars) -> Signals:
        returns = indicators.returns(bars.close)
        error = indicators.std(returns, self.slow, ddof=1) / math.sqrt(self.slow)
        t = indicators.sma(returns, self.slow) / error
        still_rising = indicators.returns(bars.close, self.fast) > 0.0
        held = latch((t > self.enter_t) & still_rising, t < 0.0)
        return Signals(target=held, confidence=np.clip(t / self.certain_t, 0.0, 1.0))
