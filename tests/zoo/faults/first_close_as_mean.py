"""Takes the first close for an average that is not there yet."""

from trader_cli.strategy import Bars, Levels, Strategy


class FirstCloseAsMean(Strategy):
    """Takes the first close for an average that is not there yet."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.rolling(80).mean().fillna(close.iloc[0])).to_numpy()
