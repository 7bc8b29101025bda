"""A grid of resting orders in a sideways market: one step more at each line down, one step less at each line up.

The range is the highest high and the lowest low of the `slow` bars before. It is sideways when the close lies inside
it, Wilder's ADX is below `max_adx` (25, the usual border of a trend) and one of its `steps` is worth trading: at least
`step_atr` average true ranges, or a single bar would cross several lines, and `min_step_bps` of the price, or costs
would eat it. The levels are dynamic: while nothing is held they follow range and ATR from close to close; from the
first purchase on they stand still until all is sold. The holding rises as the price falls through them: the next line
down rests as a limit buy, the last purchase as a limit sale one line up, one order a side (see `ladder`). Nothing is
bought at market: only lines below the price are used, the fewer the lower in the range it begins.

The grid ends where the range does: a close outside the lines it stands on sells what is left at market, and a stop
`stop_atr` ATR below the range guards against a fall within one bar. ADX does not end it: it lags, and the fall to the
lowest line, the one best worth buying, is what raises it. Confidence is the share of movement without direction,
1 - ADX / 100.

Its many small gains pay for a rare loss at the bottom. On a random walk the two cancel, before costs, and who never
leaves is ruined in the end: it is worth running only where prices do return, and with the stop.

Source: Chen, Chen and Jang (2025), "Dynamic Grid Trading Strategy: From Zero Expectation to Market Outperformance",
arXiv 2506.11921; Taranto and Khan (2020), "Gambler's ruin problem and bi-directional grid constrained trading and
investment strategies", Investment Management and Financial Innovations 17(3); ADX: Wilder (1978), "New Concepts in
Technical Trading Systems".
"""

import numpy as np

from trader_cli.strategy import Bars, Param, Signals, Strategy, earlier, indicators, ladder


class Grid(Strategy):
    """Buy step by step down a sideways range, sell each step one line higher, leave when the range breaks."""

    fast = Param(14, low=2, high=200, help="bars in the ADX and in the average true range")
    slow = Param(100, low=10, high=1000, help="bars whose highest high and lowest low are the range")
    steps = Param(5, low=1, high=50, help="lines in the range; each holds that part of a whole position")
    max_adx = Param(25.0, low=1.0, high=100.0, help="ADX below which the market counts as sideways")
    step_atr = Param(1.0, low=0.0, high=10.0, help="least height of a step, in ATR")
    min_step_bps = Param(100.0, low=0.0, high=5000.0, help="least height of a step, in basis points of the price")
    stop_atr = Param(1.0, low=0.0, high=20.0, help="distance of the stop below the range, in ATR")

    def targets(self, bars: Bars) -> Signals:
        # The range of the bars before: a close is never outside one that includes its own bar.
        bottom = earlier(indicators.lowest(bars.low, self.slow), 1)
        top = earlier(indicators.highest(bars.high, self.slow), 1)
        atr = indicators.atr(bars.high, bars.low, bars.close, self.fast)
        adx = indicators.adx(bars.high, bars.low, bars.close, self.fast).adx
        step = (top - bottom) / self.steps
        worth = (step >= self.step_atr * atr) & (step >= self.min_step_bps / 10_000.0 * bars.close)
        orders = ladder(bars, (adx < self.max_adx) & worth, bottom, top, bottom - self.stop_atr * atr, self.steps)
        return Signals(
            target=orders.target,
            confidence=np.clip(1.0 - adx / 100.0, 0.0, 1.0),
            stop=orders.stop,
            take=orders.take,
            keep=orders.keep,
            limit=orders.limit,
        )
