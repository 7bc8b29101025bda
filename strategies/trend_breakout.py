"""The slower of the two Turtle systems, long only.

Buy a close above the highest high of the 55 bars before, leave on a close below the lowest low of the 20 bars before,
protected by a stop two average true ranges under the entry's close. The numbers are the Turtles' own (System 2).

Source: Faith (2003), "The Original Turtle Trading Rules", after Dennis and Eckhardt (1983); the channel is
Donchian's (1960), the average true range Wilder's (1978).
"""

from trader_cli.strategy import Bars, Param, Signals, Strategy, earlier, from_entry, indicators, latch


class TrendBreakout(Strategy):
    """Buy new highs of a long channel, leave at new lows of a short one, stop two ATR under the entry."""

    fast = Param(20, low=2, high=200, help="bars in the channel whose low ends the trade")
    slow = Param(55, low=5, high=400, help="bars in the channel whose high begins it")
    atr_period = Param(20, low=2, high=200, help="bars in the average true range")
    stop_atr = Param(2.0, low=0.5, high=10.0, help="distance of the stop from the entry's close, in ATR")

    def targets(self, bars: Bars) -> Signals:
        # The channel of the bar before: a close is never above a high that includes its own bar's.
        ceiling = earlier(indicators.highest(bars.high, self.slow), 1)
        floor = earlier(indicators.lowest(bars.low, self.fast), 1)
        held = latch(bars.close > ceiling, bars.close < floor)
        atr = indicators.atr(bars.high, bars.low, bars.close, self.atr_period)
        return Signals(target=held, stop=from_entry(held, bars.close - self.stop_atr * atr))
