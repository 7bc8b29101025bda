"""Reads an index that is not there yet as 0, which is oversold."""

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class GapsAsZero(Strategy):
    """Reads an index that is not there yet as 0, which is oversold."""

    def targets(self, bars: Bars) -> Levels:
        return np.nan_to_num(indicators.rsi(bars.close, 40)) < 40.0
