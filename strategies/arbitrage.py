"""Inventory arbitrage between two venues: hold where it is cheaper, sell where it is dearer, wait for them to meet.

On spot venues nothing can be sold that is not there and nothing arrives at once. So the stock stands half on each venue
(target 0.5). Where this one is cheaper than the other by more than both legs' costs and `margin_bps`, it buys here and
sells there in the same moment, 1.0 here and 0.0 there, without a transfer; it goes back to halves when the prices lie
within `close_bps` of each other. The same rule runs on the other venue's bars with this one as its peer; all it compares
is symmetric, so that the two targets sum to exactly 1 at every bar. The engine places both legs or none.

Costs: `cost_bps` a leg, fee and slippage. The way back costs both legs again and up to `close_bps`; the default
margin of 40 pays that (2 * 15 + 5) and leaves 5 at the least, at like prices. What remains is the risk of the next
open, at which the orders fill, and that of the stock itself, whose price it bears as any owner does.

Only bars of the same open are compared. Where either venue has none, both have no opinion (NaN) and keep what they
hold; without a second venue that is every bar, and nothing is ever traded. Confidence is the gap beyond both legs'
costs; `certain_bps` of it are 1.

Source: Makarov and Schoar (2020), "Trading and arbitrage in cryptocurrency markets", Journal of Financial Economics
135(2): gaps between exchanges outlast minutes and close; inventories on both sides: Gatev, Goetzmann and Rouwenhorst
(2006), "Pairs Trading", Review of Financial Studies 19(3), for opening wide and closing where prices meet.
"""

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.strategy import Bars, Floats, Param, Signals, Strategy, aligned, carried


class Arbitrage(Strategy):
    """Hold on the cheaper of two venues what is sold on the dearer one, half on each when prices meet."""

    linked = True

    cost_bps = Param(15.0, low=0.0, high=500.0, help="cost of one leg, fee and slippage, in basis points")
    margin_bps = Param(40.0, low=0.0, high=1000.0, help="what must remain of the gap after both legs' costs")
    close_bps = Param(5.0, low=0.0, high=500.0, help="gap at which it goes back to half on each venue")
    certain_bps = Param(100.0, low=1.0, high=5000.0, help="gap after both legs' costs that counts as confidence 1")

    def targets(self, bars: Bars) -> Signals:
        if len(bars.peers) > 1:
            raise StrategyError(f"arbitrage compares two venues, it was given {1 + len(bars.peers)}")
        here, there = self._prices(bars)
        bought_here, bought_there = self._net_bps(here, there), self._net_bps(there, here)
        gap_bps = (np.maximum(here, there) / np.minimum(here, there) - 1.0) * 10_000.0
        moved = np.select(
            [bought_here > self.margin_bps, bought_there > self.margin_bps, gap_bps <= self.close_bps],
            [1.0, 0.0, 0.5],
            np.nan,
        )
        target = np.where(np.isnan(gap_bps), np.nan, carried(moved, 0.5))
        confidence = np.clip(np.maximum(bought_here, bought_there) / self.certain_bps, 0.0, 1.0)
        return Signals(target=target, confidence=confidence)

    def _net_bps(self, buy: Floats, sell: Floats) -> Floats:
        # One unit bought and sold, each leg's cost on its own price.
        cost = self.cost_bps / 10_000.0
        net: Floats = (sell * (1.0 - cost) / (buy * (1.0 + cost)) - 1.0) * 10_000.0
        return net

    def _prices(self, bars: Bars) -> tuple[Floats, Floats]:
        there = aligned(bars.peers[0], bars) if bars.peers else np.full(len(bars), np.nan)
        sound = (bars.close > 0.0) & (there > 0.0)
        return np.where(sound, bars.close, np.nan), np.where(sound, there, np.nan)
