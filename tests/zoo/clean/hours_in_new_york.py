"""Holds while New York trades."""

from trader_cli.strategy import Bars, Levels, Strategy


class HoursInNewYork(Strategy):
    """Holds while New York trades."""

    def targets(self, bars: Bars) -> Levels:
        hours = bars.frame.index.tz_convert("America/New_York").hour
        return (hours >= 9) & (hours < 16)
