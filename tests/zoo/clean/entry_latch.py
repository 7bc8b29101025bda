"""Conditions turned into a holding."""

from trader_cli.strategy import Bars, Levels, Strategy, earlier, latch


class EntryLatch(Strategy):
    """Conditions turned into a holding."""

    def targets(self, bars: Bars) -> Levels:
        return latch(bars.close > earlier(bars.high, 1), bars.close < earlier(bars.low, 1))
