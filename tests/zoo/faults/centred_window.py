"""An average centred on its bar."""

from trader_cli.strategy import Bars, Levels, Strategy


class CentredWindow(Strategy):
    """An average centred on its bar."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close > close.rolling(11, center=True).mean()).to_numpy()
