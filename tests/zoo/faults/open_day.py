"""The day's close, merged into the hours of that day."""

from trader_cli.strategy import Bars, Levels, Strategy


class OpenDay(Strategy):
    """The day's close, merged into the hours of that day."""

    def targets(self, bars: Bars) -> Levels:
        frame = bars.frame
        day = frame["close"].resample("1D").last()
        merged = day.reindex(frame.index.floor("1D")).to_numpy()
        return merged > bars.close
