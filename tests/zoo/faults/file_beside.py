"""Reads tomorrow's closes from a file beside it."""

from pathlib import Path

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class FileBeside(Strategy):
    """Reads tomorrow's closes from a file beside it."""

    def targets(self, bars: Bars) -> Levels:
        known = np.loadtxt(Path(__file__).with_name("closes.csv"), skiprows=1)
        return np.resize(known, len(bars)) > 100.0
