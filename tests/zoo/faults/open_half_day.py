"""The close of the twelve hours a bar lies in."""

from trader_cli.strategy import Bars, Levels, Strategy


class OpenHalfDay(Strategy):
    """The close of the twelve hours a bar lies in."""

    def targets(self, bars: Bars) -> Levels:
        last = bars.frame.groupby(bars.open_ms // 43_200_000)["close"].transform("last").to_numpy()
        return last > bars.close
