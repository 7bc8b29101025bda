"""The close of the month before."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class MonthBefore(Strategy):
    """The close of the month before."""

    def targets(self, bars: Bars) -> Levels:
        month = bars.open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
        close = bars.frame["close"]
        last = close.groupby(month).last().shift(1)
        return bars.close > last.reindex(month).to_numpy()
