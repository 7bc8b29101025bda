"""States twenty bars and reads a hundred."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class TooShortWindow(Strategy):
    """States twenty bars and reads a hundred."""

    warmup = 20

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(bars.close, 10) > indicators.sma(bars.close, 100)
