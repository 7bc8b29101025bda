"""A pure function that is cached."""

from functools import cache

import numpy as np

from trader_cli.strategy import Bars, Levels, Strategy


@cache
def _weights(count: int) -> tuple[float, ...]:
    return (1.0 / count,) * count


class CachedWeights(Strategy):
    """A pure function that is cached."""

    def targets(self, bars: Bars) -> Levels:
        return np.convolve(bars.close, _weights(8))[: len(bars)] < np.where(
            np.arange(len(bars)) < 8, np.nan, bars.close
        )
