"""Weekly closes filled back over the bars before them."""

from trader_cli.strategy import Bars, Levels, Strategy


class FilledBackward(Strategy):
    """Weekly closes filled back over the bars before them."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close.iloc[6::7].reindex(close.index).bfill() > close).to_numpy()
