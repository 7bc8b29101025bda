"""Rolling windows of pandas."""

from trader_cli.strategy import Bars, Levels, Strategy


class PandasRolling(Strategy):
    """Rolling windows of pandas."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.rolling(25).mean() + close.rolling(25).std()).to_numpy()
