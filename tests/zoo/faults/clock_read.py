"""Trades only after noon of the day it is asked on."""

from datetime import UTC, datetime

from trader_cli.strategy import Bars, Levels, Strategy


class ClockRead(Strategy):
    """Trades only after noon of the day it is asked on."""

    def targets(self, bars: Bars) -> Levels:
        late = datetime.now(UTC).hour >= 0
        return (bars.close > bars.open) & late
