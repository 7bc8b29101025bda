"""States the period of an average that remembers much longer."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class TooShortRecursion(Strategy):
    """States the period of an average that remembers much longer."""

    warmup = 50

    def targets(self, bars: Bars) -> Levels:
        return indicators.ema(bars.close, 12) > indicators.ema(bars.close, 50)
