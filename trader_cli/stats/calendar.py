"""How many returns a year holds, read off the bars' own stamps."""

from __future__ import annotations

import numpy as np

from trader_cli.model.bars import Floats, Ints
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


def period_closes(open_ms: Ints, equity: Floats, timeframe_ms: int) -> tuple[Ints, Floats]:
    """Return (last bar's open_ms, equity) of each UTC day that has bars; of each bar when bars are a day or longer.

    Statistics of days are comparable between timeframes; those of minutes are not, and overstate independence.
    """
    if timeframe_ms >= DAY_MS or len(open_ms) == 0:
        return open_ms, equity
    day = open_ms // DAY_MS
    last = np.flatnonzero(np.r_[day[1:] != day[:-1], True])
    return open_ms[last], equity[last]


def months_of(open_ms: Ints) -> Ints:
    """Return each stamp's month as year * 12 + month - 1, UTC."""
    return open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
