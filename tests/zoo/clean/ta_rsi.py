"""The relative strength index of the package ta."""

from ta.momentum import RSIIndicator

from trader_cli.strategy import Bars, Levels, Strategy, latch


class TaRsi(Strategy):
    """The relative strength index of the package ta."""

    def targets(self, bars: Bars) -> Levels:
        index = RSIIndicator(bars.frame["close"], window=14).rsi().to_numpy()
        return latch(index < 35.0, index > 60.0)
