"""Holds while the fitted slope rises."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class RisingSlope(Strategy):
    """Holds while the fitted slope rises."""

    def targets(self, bars: Bars) -> Levels:
        return indicators.slope(bars.close, 20) > 0.0
