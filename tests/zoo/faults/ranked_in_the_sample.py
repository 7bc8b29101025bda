"""Holds the lower third by rank among all closes."""

from trader_cli.strategy import Bars, Levels, Strategy


class RankedInTheSample(Strategy):
    """Holds the lower third by rank among all closes."""

    def targets(self, bars: Bars) -> Levels:
        return (bars.frame["close"].rank(pct=True) < 0.33).to_numpy()
