"""Every tenth close, and straight lines between them."""

from trader_cli.strategy import Bars, Levels, Strategy


class Interpolated(Strategy):
    """Every tenth close, and straight lines between them."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        line = close.iloc[::10].reindex(close.index).interpolate()
        return (line.diff() > 0.0).to_numpy()
