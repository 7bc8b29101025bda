"""The stochastic crosses its own average."""

from trader_cli.strategy import Bars, Levels, Strategy, indicators


class StochasticTurn(Strategy):
    """The stochastic crosses its own average."""

    def targets(self, bars: Bars) -> Levels:
        found = indicators.stochastic(bars.high, bars.low, bars.close)
        return found[0] > found[1]
