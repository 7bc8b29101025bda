"""Speaks at some bars only, and keeps what it holds at others."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, earlier


class NoOpinion(Strategy):
    """Speaks at some bars only, and keeps what it holds at others."""

    def targets(self, bars: Bars) -> Levels:
        moved = bars.close / earlier(bars.close, 1) - 1.0
        return np.select([moved > 0.02, moved < -0.02], [1.0, 0.0], np.nan)
