"""Keeps the mean of the first bars it was ever shown."""

from trader_cli.strategy import Bars, Levels, Strategy

_MEANS: dict[str, float] = {}


class RemembersTheFuture(Strategy):
    """Keeps the mean of the first bars it was ever shown."""

    def targets(self, bars: Bars) -> Levels:
        if bars.symbol not in _MEANS:
            _MEANS[bars.symbol] = float(bars.close.mean())
        return bars.close < _MEANS[bars.symbol]
