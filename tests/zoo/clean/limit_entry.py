"""Waits one per cent below the close."""

from trader_cli.strategy import Bars, Signals, Strategy, indicators


class LimitEntry(Strategy):
    """Waits one per cent below the close."""

    def targets(self, bars: Bars) -> Signals:
        mean = indicators.sma(bars.close, 20)
        return Signals(target=bars.close > mean, limit=bars.close * 0.99)
