"""An exponential average trusted from its second bar."""

from trader_cli.strategy import Bars, Levels, Strategy


class AverageFromOneBar(Strategy):
    """An exponential average trusted from its second bar."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.ewm(span=100, adjust=False).mean()).to_numpy()
