"""Enters above the highest of ten bars, by a stop order."""

from trader_cli.strategy import Bars, Signals, Strategy, indicators


class TriggerEntry(Strategy):
    """Enters above the highest of ten bars, by a stop order."""

    def targets(self, bars: Bars) -> Signals:
        return Signals(target=bars.close > indicators.sma(bars.close, 10), trigger=indicators.highest(bars.high, 10))
