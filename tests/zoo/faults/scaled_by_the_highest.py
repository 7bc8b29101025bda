"""Prices as a share of the highest of the whole series."""

from trader_cli.strategy import Bars, Levels, Strategy


class ScaledByTheHighest(Strategy):
    """Prices as a share of the highest of the whole series."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close / bars.close.max() < 0.9
