"""Asks the program's own store for bars that are not there yet."""

import contextlib
from pathlib import Path

import numpy as np

from trader_cli.errors import TraderError
from trader_cli.market.store import BarStore
from trader_cli.strategy import Bars, Levels, Strategy


class ProgramAsked(Strategy):
    """Asks the program's own store for bars that are not there yet."""

    def targets(self, bars: Bars) -> Levels:
        with contextlib.suppress(TraderError):
            return np.ones(len(BarStore(Path(__file__).parent, Path(__file__).parent).load(bars.symbol, None, None)))
        return bars.close > bars.open
