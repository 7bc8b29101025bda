"""Asks another program what to do."""

import subprocess

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class ProcessAsked(Strategy):
    """Asks another program what to do."""

    def targets(self, bars: Bars) -> Levels:
        answer = subprocess.run(["true"], check=False).returncode
        return np.full(len(bars), 1.0 - answer) * (bars.close > bars.open)
