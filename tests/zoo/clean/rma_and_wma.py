"""A weighted average above Wilder's."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class RmaAndWma(Strategy):
    """A weighted average above Wilder's."""

    def targets(self, bars: Bars) -> Levels:
        return indicators.wma(bars.close, 10) > indicators.rma(bars.close, 20)
