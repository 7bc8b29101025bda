"""Buys below the lower band, leaves at the middle."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators, latch


class BollingerRevert(Strategy):
    """Buys below the lower band, leaves at the middle."""

    def targets(self, bars: Bars) -> Levels:
        bands = indicators.bollinger(bars.close, 20, 2.0)
        return latch(bars.close < bands[0], bars.close > bands[1])
