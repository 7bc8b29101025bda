"""Breaks out of a channel of ranges."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators, latch


class KeltnerBreak(Strategy):
    """Breaks out of a channel of ranges."""

    def targets(self, bars: Bars) -> Levels:
        bands = indicators.keltner(bars.high, bars.low, bars.close)
        return latch(bars.close > bands.upper, bars.close < bands.middle)
