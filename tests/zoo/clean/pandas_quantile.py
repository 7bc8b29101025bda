"""Cheap within the last sixty bars."""

from trader_cli.strategy import Bars, Levels, Strategy


class PandasQuantile(Strategy):
    """Cheap within the last sixty bars."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close < close.rolling(60).quantile(0.3)).to_numpy()
