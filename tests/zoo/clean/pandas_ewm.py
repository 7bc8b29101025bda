"""Exponential averages of pandas that wait for their period."""

from trader_cli.strategy import Bars, Levels, Strategy


class PandasEwm(Strategy):
    """Exponential averages of pandas that wait for their period."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        fast = close.ewm(span=10, adjust=False, min_periods=40).mean()
        slow = close.ewm(span=30, adjust=False, min_periods=120).mean()
        return (fast > slow).to_numpy()
