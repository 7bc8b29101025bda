"""The warm-up of an average filled with its first value."""

from trader_cli.strategy import Bars, Levels, Strategy


class BackfilledWarmUp(Strategy):
    """The warm-up of an average filled with its first value."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.rolling(60).mean().bfill()).to_numpy()
