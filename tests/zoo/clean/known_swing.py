"""A swing's low, three bars after it was one."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators, latch


class KnownSwing(Strategy):
    """A swing's low, three bars after it was one."""

    def targets(self, bars: Bars) -> Levels:
        low = bars.frame["low"]
        found = (low == low.rolling(7, center=True).min()).shift(3, fill_value=False)
        known = found & (low.rolling(7).count() == 7)
        return latch(known.to_numpy(), bars.close < indicators.sma(bars.close, 10))
