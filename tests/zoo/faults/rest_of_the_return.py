"""Holds while the last close of all is above this one."""

from trader_cli.strategy import Bars, Levels, Strategy


class RestOfTheReturn(Strategy):
    """Holds while the last close of all is above this one."""

    def targets(self, bars: Bars) -> Levels:
        return bars.close[-1] > bars.close
