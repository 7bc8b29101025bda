"""Holds while the last range is below its average."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class TrueRangeCalm(Strategy):
    """Holds while the last range is below its average."""

    def targets(self, bars: Bars) -> Levels:
        ranges = indicators.true_range(bars.high, bars.low, bars.close)
        return ranges < indicators.sma(ranges, 20)
