"""Buys at the low of a swing, three bars before it can be one."""

from trader_cli.strategy import Bars, Levels, Strategy


class SwingBeforeItIsKnown(Strategy):
    """Buys at the low of a swing, three bars before it can be one."""

    def targets(self, bars: Bars) -> Levels:
        low = bars.frame["low"]
        return (low == low.rolling(7, center=True).min()).to_numpy()
