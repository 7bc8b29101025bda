"""A stop of three ranges under the entry."""

from trader_cli.strategy import Bars, Signals, Strategy, from_entry, indicators, latch


class AtrStop(Strategy):
    """A stop of three ranges under the entry."""

    def targets(self, bars: Bars) -> Signals:
        held = latch(bars.close > indicators.sma(bars.close, 20), bars.close < indicators.sma(bars.close, 20))
        atr = indicators.atr(bars.high, bars.low, bars.close, 14)
        return Signals(target=held, stop=from_entry(held, bars.close - 3.0 * atr))
