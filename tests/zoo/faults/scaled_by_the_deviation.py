"""Prices in standard deviations from the mean of the whole series."""

from trader_cli.strategy import Bars, Levels, Strategy


class ScaledByTheDeviation(Strategy):
    """Prices in standard deviations from the mean of the whole series."""

    def targets(self, bars: Bars) -> Levels:
        return (bars.close - bars.close.mean()) / bars.close.std() < -0.5
