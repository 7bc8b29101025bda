"""The Bollinger bands of the package ta."""

from ta.volatility import BollingerBands

from trader_cli.strategy import Bars, Levels, Strategy, latch


class TaBands(Strategy):
    """The Bollinger bands of the package ta."""

    def targets(self, bars: Bars) -> Levels:
        bands = BollingerBands(bars.frame["close"], window=20)
        return latch(bars.close < bands.bollinger_lband().to_numpy(), bars.close > bands.bollinger_mavg().to_numpy())
