"""Two moving averages: the plainest trend rule there is, here to show how a strategy is written.

Source: Brock, Lakonishok and LeBaron (1992), "Simple Technical Trading Rules and the Stochastic Properties of
Stock Returns", Journal of Finance 47(5). A comparison with NaN is false: it is flat until the slow average exists.
"""

from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators


class DemoMa(Strategy):
    """Hold while the fast average is above the slow one."""

    fast = Param(20, low=2, high=100, help="bars in the fast average")
    slow = Param(100, low=5, high=400, help="bars in the slow average")

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)
