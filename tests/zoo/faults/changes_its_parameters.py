"""Moves its own parameter each time."""

from trader_cli.strategy import Bars, Levels, Param, Strategy, indicators


class ChangesItsParameters(Strategy):
    """Moves its own parameter each time."""

    period = Param(20, low=2, high=500)

    def targets(self, bars: Bars) -> Levels:
        period = int(self.params["period"])
        dict.__setitem__(self.params, "period", period + 1)
        return bars.close > indicators.sma(bars.close, period)
