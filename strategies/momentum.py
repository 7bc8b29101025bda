"""Time-series momentum, long only: what has risen over the long window is held until it has not.

The trend is judged by the t-statistic of the mean return over `slow` bars, so that a calm rise counts for more than a
wild one and the same numbers suit coins and stocks; `certain_t` standard errors above zero are confidence 1. At `act`
(0.6: 1.8 errors) it buys, below `look` (0.3) it has no opinion: what is held stays, nothing new is bought. It ends
below zero: the gap keeps it from trading to and fro, which costs would not forgive. 168 bars are four weeks of 4-hour
bars, the longest span over which crypto was found to trend, and eight months of daily bars, within the one to twelve
over which stocks and futures do.

Age: the first bars of a listing are not the market that follows. What has fewer than `min_age` closed bars is flat; a
month of them lies before the trend it is judged by.

Bypass: a close at least `bypass_pct` above the lowest close of `fast` to `slow` bars ago (of those there are, so that
a young symbol counts) is bought whatever its age and confidence, while it still rises over `fast` bars; it states at
least the confidence `act`. Where age or confidence is not known yet, it is let go when it no longer rises over `fast`.

Source: Moskowitz, Ooi and Pedersen (2012), "Time Series Momentum", Journal of Financial Economics 104(2); for crypto
Liu and Tsyvinski (2021), "Risks and Returns of Cryptocurrency", Review of Financial Studies 34(6).
"""

import math

import numpy as np

from trader_cli.strategy import Bars, Floats, Param, Signals, Strategy, indicators, latch


class Momentum(Strategy):
    """Hold what has risen beyond doubt over the long window and still rises over the short one."""

    fast = Param(21, low=1, high=200, help="bars over which it must rise at the entry")
    slow = Param(168, low=20, high=2000, help="bars over which the trend is measured")
    certain_t = Param(3.0, low=0.5, high=10.0, help="t-statistic of the mean return that counts as confidence 1")
    look = Param(0.3, low=0.0, high=1.0, help="confidence below which it has no opinion")
    act = Param(0.6, low=0.0, high=1.0, help="confidence at which it buys")
    min_age = Param(200, low=0, high=100_000, help="closed bars of history before it may buy")
    bypass_pct = Param(500.0, low=10.0, high=100_000.0, help="rise in percent that is bought at any age and confidence")

    def targets(self, bars: Bars) -> Signals:
        returns = indicators.returns(bars.close)
        error = indicators.std(returns, self.slow, ddof=1) / math.sqrt(self.slow)
        t = indicators.sma(returns, self.slow) / error
        confidence = np.clip(t / self.certain_t, 0.0, 1.0)
        grown = np.arange(1, len(bars) + 1) >= self.min_age
        move = indicators.returns(bars.close, self.fast)
        soaring = (self._rise(bars.close) >= self.bypass_pct / 100.0) & (move > 0.0)

        enter = soaring | (grown & (confidence >= self.act) & (move > 0.0))
        ended = np.where(grown & ~np.isnan(t), t < 0.0, move < 0.0)
        held = latch(enter, ended & ~soaring)
        # No opinion is NaN: who holds may keep, who does not has no reason to buy. Below zero is an opinion.
        unconvincing = grown & (confidence < self.look) & ~(t < 0.0) & ~soaring
        # A rise that is acted on counts for no less than a confidence that is.
        stated = np.where(soaring, np.fmax(confidence, self.act), confidence)
        return Signals(target=np.where(unconvincing, np.nan, held), confidence=stated)

    def _rise(self, close: Floats) -> Floats:
        # Infinity stands for the bars before the first one: never the lowest close there was.
        near, far = sorted((self.fast, self.slow))
        lowest = indicators.lowest(np.concatenate((np.full(far, np.inf), close)), far - near + 1)
        return close / lowest[far - near : far - near + len(close)] - 1.0
