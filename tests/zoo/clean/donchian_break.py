"""Breaks of the highest high of the bars before."""

from trader_cli.strategy import Bars, Levels, Strategy, earlier, indicators, latch


class DonchianBreak(Strategy):
    """Breaks of the highest high of the bars before."""

    def targets(self, bars: Bars) -> Levels:
        upper = earlier(indicators.highest(bars.high, 20), 1)
        lower = earlier(indicators.lowest(bars.low, 10), 1)
        return latch(bars.close > upper, bars.close < lower)
