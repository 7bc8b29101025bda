"""The MACD above its signal."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class MacdLine(Strategy):
    """The MACD above its signal."""

    def targets(self, bars: Bars) -> Levels:
        found = indicators.macd(bars.close)
        return found[0] > found[1]
