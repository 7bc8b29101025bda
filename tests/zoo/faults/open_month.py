"""The last close of the month a bar lies in."""

from trader_cli.strategy import Bars, Levels, Strategy


class OpenMonth(Strategy):
    """The last close of the month a bar lies in."""

    def targets(self, bars: Bars) -> Levels:
        month = bars.open_ms.astype("datetime64[ms]").astype("datetime64[M]")
        last = bars.frame.groupby(month)["close"].transform("last").to_numpy()
        return last > bars.close
