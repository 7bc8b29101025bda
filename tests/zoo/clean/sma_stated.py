"""Two simple averages, with the warm-up stated by a property."""

from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators


class SmaStated(Strategy):
    """Two simple averages, with the warm-up stated by a property."""

    fast = Param(10)
    slow = Param(50)

    @property
    def warmup(self) -> int:
        return int(self.slow)

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(bars.close, self.fast) > indicators.sma(bars.close, self.slow)
