"""An average of a hundred bars that is there from the first."""

from trader_cli.strategy import Bars, Levels, Strategy


class WindowFromOneBar(Strategy):
    """An average of a hundred bars that is there from the first."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.rolling(100, min_periods=1).mean()).to_numpy()
