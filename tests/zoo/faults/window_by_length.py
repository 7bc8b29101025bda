"""A window that is a tenth of the series."""

from trader_cli.strategy import Bars, Levels, Strategy


class WindowByLength(Strategy):
    """A window that is a tenth of the series."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        window = max(2, len(bars) // 10)
        return (close > close.rolling(window).mean()).to_numpy()
