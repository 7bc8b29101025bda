"""Money flow and the volume-weighted price."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class MoneyFlow(Strategy):
    """Money flow and the volume-weighted price."""

    def targets(self, bars: Bars) -> Levels:
        flow = indicators.mfi(bars.high, bars.low, bars.close, bars.volume, 14)
        return (flow > 50.0) & (bars.close > indicators.vwap(bars.high, bars.low, bars.close, bars.volume, 20))
