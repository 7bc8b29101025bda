"""Two simple averages."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class SmaCross(Strategy):
    """Two simple averages."""

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(bars.close, 10) > indicators.sma(bars.close, 40)
