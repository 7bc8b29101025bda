"""Both levels fixed at the entry."""

from trader_cli.strategy import Bars, Signals, Strategy, earlier, from_entry, latch


class TargetAndStop(Strategy):
    """Both levels fixed at the entry."""

    def targets(self, bars: Bars) -> Signals:
        held = latch(bars.close > earlier(bars.high, 2), bars.close < earlier(bars.low, 2))
        return Signals(target=held, stop=from_entry(held, bars.close * 0.97), take=from_entry(held, bars.close * 1.05))
