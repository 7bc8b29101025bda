"""Buy a sharp fall within a rising market, sell when the price is back at its mean.

Sharp is a two-bar RSI below 10 with the close a standard deviation under the mean of 20 bars; rising is a close above
the mean of 200 bars, since a rule that buys falling prices is ruined by a market that only falls. There is no stop
unless `stop_atr` asks for one: Connors and Alvarez found that stops hurt such rules, a deeper fall being a better
price. With one, the position can be sized by what it would lose there. It trades often for small gains, so that costs
decide: look at fees and slippage before trusting it.

`signal` says what counts as sharp: the RSI, the z-score (deviations from the mean) or both. Liquidity: with
`min_turnover` it buys only where the mean of close times volume over `turnover_bars` reaches it, in quote a bar; a
fall on no volume is a price at which nobody trades. What is held is sold at the mean whatever the turnover.

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
    signal = Param("both", choices=("rsi", "zscore", "both"), help="what must show the fall")
    enter_rsi = Param(10.0, low=1.0, high=50.0, help="RSI below which it buys")
    enter_z = Param(1.0, low=0.0, high=5.0, help="deviations under the mean at which it buys")
    certain_z = Param(3.0, low=0.5, high=10.0, help="deviations under the mean that count as confidence 1")
    stop_atr = Param(0.0, low=0.0, high=20.0, help="distance of the stop under the entry's close in ATR, 0 = none")
    min_turnover = Param(0.0, low=0.0, high=1e12, help="least mean turnover a bar in quote at which it buys, 0 = any")
    turnover_bars = Param(20, low=1, high=1000, help="bars in the mean turnover")

    def targets(self, bars: Bars) -> Signals:
        z = indicators.zscore(bars.close, self.fast)
        rsi = indicators.rsi(bars.close, self.rsi_period)
        oversold, stretched = rsi < self.enter_rsi, z < -self.enter_z
        fallen = {"rsi": oversold, "zscore": stretched, "both": oversold & stretched}[self.signal]
        rising = bars.close > indicators.sma(bars.close, self.slow)
        turnover = indicators.sma(bars.close * bars.volume, self.turnover_bars)
        liquid = (turnover >= self.min_turnover) | (self.min_turnover == 0.0)
        held = latch(fallen & rising & liquid, z > 0.0)
        # How far beyond usual: deviations under the mean, or for the RSI alone how far under its middle of 50.
        depth = (50.0 - rsi) / 50.0 if self.signal == "rsi" else -z / self.certain_z
        confidence = np.clip(depth, 0.0, 1.0)
        if self.stop_atr == 0.0:
            return Signals(target=held, confidence=confidence)
        atr = indicators.atr(bars.high, bars.low, bars.close, self.atr_period)
        stop = from_entry(held, bars.close - self.stop_atr * atr)
        return Signals(target=held, confidence=confidence, stop=stop)
