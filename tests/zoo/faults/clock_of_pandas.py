"""Compares the bars with this moment."""

import pandas as pd

from trader_cli.strategy import Bars, Levels, Strategy


class ClockOfPandas(Strategy):
    """Compares the bars with this moment."""

    def targets(self, bars: Bars) -> Levels:
        now = pd.Timestamp.now(tz="UTC").value // 1_000_000
        return (bars.close > bars.open) & (bars.open_ms < now)
