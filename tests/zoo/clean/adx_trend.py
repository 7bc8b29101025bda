"""Holds a strong trend that points up."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class AdxTrend(Strategy):
    """Holds a strong trend that points up."""

    def targets(self, bars: Bars) -> Levels:
        found = indicators.adx(bars.high, bars.low, bars.close, 14)
        return (found[0] > 20.0) & (found[1] > found[2])
