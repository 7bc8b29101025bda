"""Does what an environment variable says."""

import os

from trader_cli.strategy import Bars, Levels, Strategy


class EnvironmentRead(Strategy):
    """Does what an environment variable says."""

    def targets(self, bars: Bars) -> Levels:
        wanted = os.environ.get("MY_SIDE", "long") == "long"
        return (bars.close > bars.open) & wanted
