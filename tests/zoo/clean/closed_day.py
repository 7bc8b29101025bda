"""The close of the day before, merged into the hours of this day."""

from trader_cli.strategy import Bars, Levels, Strategy


class ClosedDay(Strategy):
    """The close of the day before, merged into the hours of this day."""

    def targets(self, bars: Bars) -> Levels:
        frame = bars.frame
        day = frame["close"].resample("1D").last().shift(1)
        before = day.reindex(frame.index.floor("1D")).to_numpy()
        return bars.close > before
