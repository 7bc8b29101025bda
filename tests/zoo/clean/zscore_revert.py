"""Buys two deviations below the mean of its window."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators, latch


class ZscoreRevert(Strategy):
    """Buys two deviations below the mean of its window."""

    def targets(self, bars: Bars) -> Levels:
        score = indicators.zscore(bars.close, 30)
        return latch(score < -1.5, score > 0.0)
