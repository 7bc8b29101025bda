"""States the fast period where the slow one decides."""

from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators


class TooShortProperty(Strategy):
    """States the fast period where the slow one decides."""

    fast = Param(5)
    slow = Param(60)

    @property
    def warmup(self) -> int:
        return int(self.fast)

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)
