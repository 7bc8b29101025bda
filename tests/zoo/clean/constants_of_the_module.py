"""Weights kept in the module, which nobody changes."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators

_PERIODS = (5, 20, 60)


class ConstantsOfTheModule(Strategy):
    """Weights kept in the module, which nobody changes."""

    def targets(self, bars: Bars) -> Levels:
        means = [indicators.sma(bars.close, period) for period in _PERIODS]
        return sum((bars.close > mean) / len(_PERIODS) for mean in means)
