"""The next close, by a negative shift."""

from trader_cli.strategy import Bars, Levels, Strategy


class ShiftMinusOne(Strategy):
    """The next close, by a negative shift."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        return (close.shift(-1) > close).to_numpy()
