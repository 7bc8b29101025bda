"""Buy a sharp fall within a rising market, sell when the price is back at its mean.

Sharp is a two-bar RSI below 10 with the close a standard deviation under the mean of 20 bars; rising is a close above
the mean of 200 bars, since a rule that buys falling prices is ruined by a market that only falls. There is no stop
unless `stop_atr` asks for one: Connors and Alvarez found that stops hurt such rules, a deeper fall being a better
price. It trades often for small gains, so that costs decide: look at fees and slippage before trusting it.

Source: Connors and Alvarez (2009), "Short Term Trading Strategies That Work", two-period RSI; Wilder (1978), "New
Concepts in Technical Trading Systems"; deviations from the mean: Bollinger (2001), "Bollinger on Bollinger Bands".
"""

import numpy as np

from trader_cli.strategy import Bars, Param, Signals, Strategy, from_entry, indicators, latch


class MeanReversion(Strategy):
    """Buy a sharp fall in a rising market, leave at the mean."""

    fast = Param(20, low=5, high=200, help="bars of the mean that prices return to")
    slow = Param(200, low=20, high=1000, help="bars of the mean that must be below the price")
    atr_period = Param(14, low=2, high=200, help="bars in the average true range of the stop")
    rsi_period = Param(2, low=2, high=100, help="bars in the relative strength index")
    enter_rsi = Param(10.0, low=1.0, high=50.0, help="RSI below which it buys")
    enter_z = Param(1.0, low=0.0, high=5.0, help="deviations under the mean at which it buys")
    certain_z = Param(3.0, low=0.5, high=10.0, help="deviations under the mean that count as confidence 1")
    stop_atr = Param(0.0, low=0.0, high=20.0, help="distance of the stop under the entry's close in ATR, 0 = none")

    def targets(self, bars: Bars) -> Signals:
        z = indicators.zscore(bars.close, self.fast)
        fallen = (indicators.rsi(bars.close, self.rsi_period) < self.enter_rsi) & (z < -self.enter_z)
        rising = bars.close > indicators.sma(bars.close, self.slow)
        held = latch(fallen & rising, z > 0.0)
        confidence = np.clip(-z / self.certain_z, 0.0, 1.0)
        if self.stop_atr == 0.0:
            return Signals(target=held, confidence=confidence)
        atr = indicators.atr(bars.high, bars.low, bars.close, self.atr_period)
        stop = from_entry(held, bars.close - self.stop_atr * atr)
        return Signals(target=held, confidence=confidence, stop=stop)
