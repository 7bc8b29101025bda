"""Finds the whole array behind the part it was given."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class BehindTheSlice(Strategy):
    """Finds the whole array behind the part it was given."""

    def targets(self, bars: Bars) -> Levels:
        whole = bars.close if bars.close.base is None else bars.close.base
        ahead = whole[5 : 5 + len(bars)]
        coming = np.append(ahead, np.full(len(bars) - len(ahead), np.nan))
        return coming > bars.close
