"""An average run forward and then backward, so that it does not lag."""

from trader_cli.strategy import Bars, Levels, Strategy


class SmoothedBothWays(Strategy):
    """An average run forward and then backward, so that it does not lag."""

    def targets(self, bars: Bars) -> Levels:
        close = bars.frame["close"]
        forward = close.ewm(span=5, adjust=False).mean()
        smooth = forward[::-1].ewm(span=5, adjust=False).mean()[::-1]
        return (smooth.diff() > 0.0).to_numpy()
