"""The highest of the day up to this bar."""

from trader_cli.strategy import Bars, Levels, Strategy


class HighestOfTheDaySoFar(Strategy):
    """The highest of the day up to this bar."""

    def targets(self, bars: Bars) -> Levels:
        day = bars.open_ms // 86_400_000
        highs = bars.frame.groupby(day)["high"].cummax().to_numpy()
        whole = day > day[:1].sum()
        return whole & (bars.close > highs * 0.99)
