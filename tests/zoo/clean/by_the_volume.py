"""Holds after more volume than usual."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class ByTheVolume(Strategy):
    """Holds after more volume than usual."""

    def targets(self, bars: Bars) -> Levels:
        return bars.volume > indicators.sma(bars.volume, 20)
