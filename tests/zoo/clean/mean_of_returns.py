"""Holds after positive mean returns."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class MeanOfReturns(Strategy):
    """Holds after positive mean returns."""

    def targets(self, bars: Bars) -> Levels:
        return indicators.sma(indicators.returns(bars.close), 15) > 0.0
