"""When shares are traded in New York: its days, its hours, and bars made of those that begin within them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from trader_cli.jobs.fetch import Row
from trader_cli.model.timeframe import DAY_MS, Timeframe

_NEW_YORK = ZoneInfo("America/New_York")
_OPENS, _CLOSES, _CLOSES_EARLY = time(9, 30), time(16, 0), time(13, 0)
_THURSDAY, _FRIDAY = 3, 4


def midnight_ms(time_ms: int) -> int | None:
    """Return midnight UTC of the date that begins in New York at a time, ms UTC; None where none does."""
    local = datetime.fromtimestamp(time_ms / 1000, _NEW_YORK)
    if (local.hour, local.minute, local.second, local.microsecond) != (0, 0, 0, 0):
        return None
    return date_ms(local.date())


def date_ms(day: date) -> int:
    """Return midnight UTC of a date, ms."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000


def today(time_ms: int) -> date:
    """Return the date in New York at a time, ms UTC."""
    return datetime.fromtimestamp(time_ms / 1000, _NEW_YORK).date()


def is_open(time_ms: int) -> bool:
    """Tell whether a time, ms UTC, lies within the hours of regular trading of a weekday; whole holidays are not told apart."""
    first, end = _hours(time_ms // DAY_MS)
    return first <= time_ms < end


def is_idle(first_ms: int, end_ms: int) -> bool:
    """Tell whether no hour of regular trading lies between two times, ms UTC."""
    days = range(first_ms // DAY_MS, -(-end_ms // DAY_MS))
    return all(end <= first_ms or end_ms <= first for first, end in map(_hours, days))


@lru_cache(maxsize=4096)
def _hours(utc_day: int) -> tuple[int, int]:
    # No hour of trading lies on another date in UTC than in New York.
    day = datetime.fromtimestamp(utc_day * DAY_MS // 1000, UTC).date()
    if day.weekday() > _FRIDAY:
        return 0, 0
    closes = _CLOSES_EARLY if _short(day) else _CLOSES
    first, end = (datetime.combine(day, one, _NEW_YORK).timestamp() for one in (_OPENS, closes))
    return int(first) * 1000, int(end) * 1000


def _short(day: date) -> bool:
    """Tell whether trading ends at one o'clock (nyse.com, "Holidays and Trading Hours").

    The day after Thanksgiving, and the eves of Christmas and Independence Day where both they and the holiday are weekdays.
    """
    if day.month == 11:
        return day.weekday() == _FRIDAY and 23 <= day.day <= 29
    if (day.month, day.day) in ((7, 3), (12, 24)):
        return day.weekday() <= _THURSDAY and (day + timedelta(days=1)).weekday() <= _FRIDAY
    return False


def half_at_most(timeframe: Timeframe) -> Timeframe:
    """Return what to ask for where bars of a timeframe are wanted: trading begins at half past, so of hours their halves."""
    return timeframe if timeframe.ms >= DAY_MS else min(timeframe, Timeframe(DAY_MS // 48))


def whole(rows: Sequence[Row], timeframe: Timeframe) -> list[Row]:
    """Return bars of a timeframe made of finer ones, oldest first: one that begins at half past is of what there is."""
    found: list[Row] = []
    for open_ms, first, high, low, last, volume in rows:
        begins = timeframe.floor(open_ms)
        if found and found[-1][0] == begins:
            _, before, highest, lowest, _, sold = found[-1]
            found[-1] = (begins, before, max(high, highest), min(low, lowest), last, volume + sold)
        else:
            found.append((begins, first, high, low, last, volume))
    return found
