"""How many returns a year holds, read off the bars' own stamps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trader_cli.model.bars import Ints
from trader_cli.model.timeframe import DAY_MS

DAYS_A_YEAR = 365.25
EXCHANGE_DAYS_A_YEAR = 252.0
YEAR_MS = DAYS_A_YEAR * DAY_MS
# A market that never closes has 2 of 7 days on a weekend; one bar in ten is far from both 0 and 2/7.
_WEEKEND_SHARE = 0.1


def trades_weekends(open_ms: Ints) -> bool:
    """Tell whether the market is open around the clock: more than a tenth of the bars open on Saturday or Sunday (UTC).

    Fewer than seven bars cannot tell; they count as open around the clock.
    """
    if len(open_ms) < 7:
        return True
    # 1970-01-01 was a Thursday: day 2 and 3 of that week are Saturday and Sunday.
    weekday = (open_ms // DAY_MS) % 7
    return bool(np.mean((weekday == 2) | (weekday == 3)) > _WEEKEND_SHARE)


def periods_a_year(open_ms: Ints, timeframe_ms: int) -> float:
    """Return how many values a year `daily_closes` gives: 365.25 or 252 days, fewer for bars longer than a day."""
    if timeframe_ms > DAY_MS:
        return float(YEAR_MS / timeframe_ms)
    return DAYS_A_YEAR if trades_weekends(open_ms) else EXCHANGE_DAYS_A_YEAR


@dataclass(frozen=True, eq=False)
class Span:
    """What a stretch of bars says about time, found once for any number of curves over it.

    open_ms: int64 (n,). ends: int64 (p,), the row of the last bar of each UTC day that has bars; of each bar where those are a
    day or longer. Statistics of days are comparable between timeframes; those of minutes are not, and overstate independence.
    periods: how many of them a year has.
    """

    open_ms: Ints
    timeframe_ms: int
    ends: Ints
    periods: float

    @classmethod
    def of(cls, open_ms: Ints, timeframe_ms: int) -> Span:
        """Return the span of these bars."""
        return cls(open_ms, timeframe_ms, _period_ends(open_ms, timeframe_ms), periods_a_year(open_ms, timeframe_ms))


def _period_ends(open_ms: Ints, timeframe_ms: int) -> Ints:
    if timeframe_ms >= DAY_MS or len(open_ms) == 0:
        return np.arange(len(open_ms))
    day = open_ms // DAY_MS
    return np.flatnonzero(np.r_[day[1:] != day[:-1], True])


def months_of(open_ms: Ints) -> Ints:
    """Return each stamp's month as year * 12 + month - 1, UTC."""
    return open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
