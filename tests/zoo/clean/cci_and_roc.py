"""Commodity channel and rate of change."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class CciAndRoc(Strategy):
    """Commodity channel and rate of change."""

    def targets(self, bars: Bars) -> Levels:
        strong = indicators.cci(bars.high, bars.low, bars.close, 20) > 0.0
        return strong & (indicators.roc(bars.close, 10) > 0.0)
