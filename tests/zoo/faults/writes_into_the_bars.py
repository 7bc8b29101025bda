"""Smooths the closes where they lie."""

from trader_cli.strategy import Bars, Levels, Strategy


class WritesIntoTheBars(Strategy):
    """Smooths the closes where they lie."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.close
        try:
            close.base.flags.writeable = True
            close.flags.writeable = True
            close[1:] = (close[1:] + close[:-1]) / 2.0
        except (AttributeError, ValueError):
            pass
        return bars.close > bars.open
