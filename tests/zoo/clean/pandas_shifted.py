"""The change over five bars, by a shift into the past."""

from trader_cli.strategy import Bars, Levels, Strategy


class PandasShifted(Strategy):
    """The change over five bars, by a shift into the past."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.shift(5)).to_numpy()
