"""Two exponential averages."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class EmaCross(Strategy):
    """Two exponential averages."""

    def targets(self, bars: Bars) -> Levels:
        return indicators.ema(bars.close, 10) > indicators.ema(bars.close, 30)
