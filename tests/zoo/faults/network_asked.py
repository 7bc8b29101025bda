"""Asks another machine what to do."""

import contextlib
import socket

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


class NetworkAsked(Strategy):
    """Asks another machine what to do."""

    def targets(self, bars: Bars) -> Levels:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", 9), timeout=0.05):
            return np.ones(len(bars))
        return bars.close > bars.open
