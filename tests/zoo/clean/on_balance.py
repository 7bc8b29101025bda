"""On-balance volume above its own average, both from the same beginning."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class OnBalance(Strategy):
    """On-balance volume above its own average, both from the same beginning."""

    def targets(self, bars: Bars) -> Levels:
        volume = indicators.obv(bars.close, bars.volume)
        return volume - indicators.sma(volume, 20) > 0.0
