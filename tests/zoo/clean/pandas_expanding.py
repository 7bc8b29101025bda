"""Above the mean of all that was, once there is enough of it."""

from trader_cli.strategy import Bars, Levels, Strategy


class PandasExpanding(Strategy):
    """Above the mean of all that was, once there is enough of it."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.expanding(50).mean()).to_numpy()
