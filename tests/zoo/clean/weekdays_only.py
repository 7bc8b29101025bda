"""Holds from Tuesday to Thursday."""

from trader_cli.strategy import Bars, Levels, Strategy


class WeekdaysOnly(Strategy):
    """Holds from Tuesday to Thursday."""

    def targets(self, bars: Bars) -> Levels:
        return bars.frame.index.day_of_week.isin([1, 2, 3])
