"""Holds a half, a whole or nothing."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class HalfAndWhole(Strategy):
    """Holds a half, a whole or nothing."""

    def targets(self, bars: Bars) -> Levels:
        fast, slow = indicators.sma(bars.close, 10), indicators.sma(bars.close, 40)
        return 0.5 * (bars.close > fast) + 0.5 * (bars.close > slow)
