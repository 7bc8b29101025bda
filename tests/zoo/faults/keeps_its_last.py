"""Remembers on itself what it said last."""

from trader_cli.strategy import Bars, Levels, Strategy


class KeepsItsLast(Strategy):
    """Remembers on itself what it said last."""

    def targets(self, bars: Bars) -> Levels:
        last = getattr(self, "last", 0.0)
        self.last = float(bars.close[-1])
        return bars.close > last
