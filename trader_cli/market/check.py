"""What is wrong with a series: every kind of defect counted, its first places named with their times, and a grade."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from trader_cli.market.files import iso
from trader_cli.model.bars import COLUMNS, Bars, Ints
from trader_cli.model.timeframe import DAY_MS

_SHOWN = 5
# A bar that moves this many times the local median move and comes back is a spike, not a crash.
_SPIKE_TIMES = 20.0
_SPIKE_LEAST = 0.10

DAMAGE = {
    "not a number",
    "zero or negative",
    "high below low",
    "open or close outside",
    "duplicate",
    "conflicting duplicate",
    "out of order",
    "off the grid",
}


@dataclass(frozen=True)
class Defect:
    """One kind of defect. times: ISO of the first places; bars: how many bars it concerns; damage: no run can use the file."""

    kind: str
    bars: int
    places: int
    times: tuple[str, ...]
    damage: bool


@dataclass(frozen=True)
class Health:
    """A series with its grade: A clean, B under 0.1 % of its bars missing or odd, C under 1 %, D more, F damaged."""

    symbol: str
    exchange: str
    timeframe: str
    bars: int
    first: str
    last: str
    calendar: str
    grade: str
    defects: tuple[Defect, ...]


def check(bars: Bars, now_ms: int) -> Health:
    """Return the health of a series as it stands in its file, rows in file order. now_ms decides what is still forming."""
    stamps = bars.open_ms
    found: list[Defect] = []

    def add(kind: str, rows: npt.NDArray[np.bool_] | Ints, bars_lost: int | None = None) -> None:
        where = np.flatnonzero(rows) if rows.dtype == bool else rows
        if len(where):
            times = tuple(iso(int(stamps[i])) for i in where[:_SHOWN])
            found.append(Defect(kind, bars_lost or len(where), len(where), times, kind in DAMAGE))

    prices = np.column_stack([getattr(bars, name) for name in COLUMNS[:4]])
    finite = np.isfinite(prices).all(axis=1) & np.isfinite(bars.volume)
    add("not a number", ~finite)
    add("zero or negative", finite & ((prices <= 0).any(axis=1) | (bars.volume < 0)))
    add("high below low", finite & (bars.high < bars.low))
    inner = prices[:, [0, 3]]
    outside = (inner.max(axis=1) > bars.high) | (inner.min(axis=1) < bars.low)
    add("open or close outside", finite & (bars.high >= bars.low) & outside)
    steps = np.diff(stamps)
    add("out of order", np.flatnonzero(steps < 0) + 1)
    unique, first, counts = np.unique(stamps, return_index=True, return_counts=True)
    repeated = np.flatnonzero(counts > 1)
    conflicting = [i for i in repeated if _conflicts(bars, int(unique[i]))]
    add("conflicting duplicate", first[np.array(conflicting, np.int64)])
    add("duplicate", first[np.setdiff1d(repeated, conflicting).astype(np.int64)])
    add("off the grid", (stamps - bars.timeframe.offset_ms) % bars.timeframe.ms != 0)
    calendar = calendar_of(unique, bars.timeframe.ms)
    gaps, missing = gaps_of(unique, bars.timeframe.ms, calendar)
    add("gap", first[gaps], missing)
    add("spike", spikes(bars.close))
    if len(stamps) and int(stamps.max()) + bars.timeframe.ms > now_ms:
        add("still forming", stamps + bars.timeframe.ms > now_ms)
    add("zero volume", finite & (bars.volume == 0.0))
    ends = (iso(int(stamps.min())), iso(int(stamps.max()))) if len(stamps) else ("", "")
    grade = _grade(found, len(bars), missing)
    return Health(bars.symbol, bars.exchange, str(bars.timeframe), len(bars), *ends, calendar, grade, tuple(found))


def _conflicts(bars: Bars, stamp: int) -> bool:
    rows = np.flatnonzero(bars.open_ms == stamp)
    return any(len(np.unique(getattr(bars, name)[rows])) > 1 for name in COLUMNS)


def calendar_of(stamps: Ints, step_ms: int) -> str:
    """Return `24/7`, or `exchange hours` where hardly a bar opens on a weekend (UTC): then closed hours are no gaps."""
    if len(stamps) < 14 or step_ms > DAY_MS:
        return "24/7"
    weekday = (stamps // DAY_MS) % 7
    share = float(np.mean((weekday == 2) | (weekday == 3)))
    return "24/7" if share > 0.1 else "exchange hours"


def gaps_of(stamps: Ints, step_ms: int, calendar: str) -> tuple[Ints, int]:
    """Return (index of the bar before each gap, bars missing in all).

    With exchange hours a night, a weekend and a holiday are usual: a gap is a step inside one day, or one over four days.
    """
    steps = np.diff(stamps)
    gap = steps > step_ms
    if calendar != "24/7":
        same_day = stamps[1:] // DAY_MS == stamps[:-1] // DAY_MS
        gap &= same_day | (steps > 4 * DAY_MS)
    where = np.flatnonzero(gap)
    return where, int((steps[where] // step_ms - 1).sum())


def spikes(close: npt.NDArray[np.float64]) -> Ints:
    """Return bars whose close leaps away and comes back at once: 20 median moves, and 10 %, out and most of it back."""
    if len(close) < 20:
        return np.empty(0, np.int64)
    with np.errstate(divide="ignore", invalid="ignore"):
        moves = np.diff(close) / close[:-1]
    usual = np.nanmedian(np.abs(moves[np.isfinite(moves)])) if np.isfinite(moves).any() else 0.0
    limit = max(_SPIKE_TIMES * float(usual), _SPIKE_LEAST)
    out, back = moves[:-1], moves[1:]
    with np.errstate(invalid="ignore"):
        leap = (np.abs(out) > limit) & (np.abs(back) > limit * 0.5) & (np.sign(out) != np.sign(back))
        left = np.abs((1 + out) * (1 + back) - 1)
        leap &= left < 0.25 * np.abs(out)
    return np.flatnonzero(leap) + 1


def _grade(defects: Iterable[Defect], bars: int, missing: int) -> str:
    if bars == 0 or any(one.damage for one in defects):
        return "F"
    odd = sum(one.bars for one in defects if one.kind in ("spike", "still forming")) + missing
    share = odd / (bars + missing)
    if odd == 0:
        return "A"
    return "B" if share < 0.001 else "C" if share < 0.01 else "D"
