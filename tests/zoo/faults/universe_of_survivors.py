"""Holds what is among the files that are still there."""

from pathlib import Path

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class UniverseOfSurvivors(Strategy):
    """Holds what is among the files that are still there."""

    def targets(self, bars: Bars) -> Levels:
        here = {path.stem for path in Path(__file__).parent.iterdir()}
        return np.full(len(bars), float("closes" in here)) * (bars.close > bars.open)
