"""Buys oversold, leaves overbought."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators, latch


class RsiLevels(Strategy):
    """Buys oversold, leaves overbought."""

    def targets(self, bars: Bars) -> Levels:
        index = indicators.rsi(bars.close, 14)
        return latch(index < 35.0, index > 60.0)
