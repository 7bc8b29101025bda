"""Reads tomorrow's closes when it is loaded."""

from pathlib import Path

import numpy as np
import pandas as pd

from trader_cli.strategy import Bars, Levels, Strategy

_KNOWN = pd.read_csv(Path(__file__).with_name("closes.csv"))["close"].to_numpy()


class FileAtLoading(Strategy):
    """Reads tomorrow's closes when it is loaded."""

    def targets(self, bars: Bars) -> Levels:
        return np.resize(_KNOWN, len(bars)) > 100.0
