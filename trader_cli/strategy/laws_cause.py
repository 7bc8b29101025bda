"""Why a strategy's answers change with the future, in words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from trader_cli.errors import StrategyError
from trader_cli.model.bars import COLUMNS, Bars, Ints
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy.laws_finding import Finding
from trader_cli.strategy.laws_fresh import own_copy
from trader_cli.strategy.laws_futures import one_column, other_peers

_FRAMES = tuple(
    Timeframe.parse(text)
    for text in ("2m 3m 5m 10m 15m 30m 1h 2h 3h 4h 6h 8h 12h 1d 2d 3d 1w 2w 4w").split()  # noqa: SIM905 shorter to read
)
# A leak of the open bar of another timeframe never shows where both timeframes' bars begin: so many are looked at.
_BEGINNINGS = 24
_CHANCE = 0.005


@dataclass(frozen=True, eq=False)
class Change:
    """Rows that are not what they were, of one column at one cut."""

    test: str
    cut: int
    field: str
    rows: Ints
    finding: Finding

    @property
    def reach(self) -> int:
        """How far ahead the first of them looks, at the least."""
        return self.cut - int(self.rows[0])


def explain(changes: Sequence[Change], bars: Bars, cuts: int, changed: Callable[[Bars, int], bool]) -> str:
    """Return the cause in words, empty where nothing changed.

    cuts: how many were tried. changed: tells whether the strategy, shown these bars, says something else before this cut than
    with the true ones.
    """
    if not changes:
        return ""
    return _kind(changes, bars, cuts, changed) + _read(changes, bars, changed)


def _kind(changes: Sequence[Change], bars: Bars, cuts: int, changed: Callable[[Bars, int], bool]) -> str:
    latest = max(one.cut for one in changes)
    reach = max(one.reach for one in changes)
    last_row = max(int(one.rows[-1]) for one in changes)
    edge = max(2, len(bars) // 20)
    if reach > 1 and last_row < edge and latest > 4 * edge:
        # Only the first bars change, wherever the future is: what came last has wrapped around to them.
        many = f"{last_row + 1} bars are" if last_row else "bar is"
        return f"its first {many} taken from the end of the series: `np.roll` and negative rows wrap around"
    if (
        reach > 1
        and latest < len(bars) // 4
        and last_row + 1 >= latest // 2
        and all(one.rows[0] < edge for one in changes)
    ):
        return f"its first bars are filled backward from later ones: after bar {latest} nothing changes any more"
    frame = _open_bar(changes, bars, cuts, changed)
    if frame:
        return f"it looks at the open {frame} bar: the leak stops where {frame} bars begin"
    if reach == 1:
        return "it looks 1 bar ahead"
    if reach <= max(8, len(bars) // 10) and reach < latest // 2:
        return f"it looks up to {reach} bars ahead"
    if {one.test for one in changes} == {"prefix"}:
        return "it depends on the length of its input"
    return "it depends on a statistic over the whole series, or on its length"


def _read(changes: Sequence[Change], bars: Bars, changed: Callable[[Bars, int], bool]) -> str:
    rng = np.random.default_rng(0)
    poisoned = [one.cut for one in changes if one.test != "prefix"]
    # A cut that another future was seen at shows which column it came from.
    cuts = list(dict.fromkeys(poisoned))[:3]
    names = [name for name in COLUMNS if any(changed(one_column(bars, cut, name, rng), cut) for cut in cuts)]
    if names:
        return f"; it reads the coming {', '.join(f'`{name}`' for name in names)}"
    if bars.peers and any(changed(other_peers(bars, cut, rng), cut) for cut in cuts):
        return f"; it reads coming bars of {', '.join(f'`{one.symbol}` at `{one.exchange}`' for one in bars.peers)}"
    return ""


def _open_bar(changes: Sequence[Change], bars: Bars, cuts: int, changed: Callable[[Bars, int], bool]) -> str:
    """Return the timeframe at whose beginnings nothing changes though it does nearly everywhere else; empty for none."""
    seen = [one.cut for one in changes if one.test == "prefix"]
    often = len(set(seen)) / cuts
    frames = [one for one in _FRAMES if one > bars.timeframe and one.ms % bars.timeframe.ms == 0]
    buckets = {str(one): (bars.open_ms - one.offset_ms) // one.ms for one in frames}
    buckets["calendar-month"] = bars.open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    for name, ids in buckets.items():
        if seen and _fits(changes, ids) and _silent(seen, often, ids, bars, changed):
            return name
    return ""


def _fits(changes: Sequence[Change], buckets: Ints) -> bool:
    # Each cut lies within a bucket, and nothing before that bucket has changed.
    return all(buckets[one.cut] == buckets[one.cut - 1] == buckets[one.rows[0]] for one in changes)


def _silent(seen: Sequence[int], often: float, buckets: Ints, bars: Bars, changed: Callable[[Bars, int], bool]) -> bool:
    begins = np.flatnonzero(buckets[1:] != buckets[:-1]) + 1
    # Those nearest to where it was seen, where the strategy is at work.
    order = np.argsort(np.abs(begins[:, None] - np.array(seen)[None, :]).min(axis=1), kind="stable")
    near = begins[order[:_BEGINNINGS]].tolist()
    # So few beginnings may be silent by chance.
    if (1.0 - often) ** len(near) > _CHANCE:
        return False
    return not any(_leaks(bars, cut, changed) for cut in near)


def _leaks(bars: Bars, cut: int, changed: Callable[[Bars, int], bool]) -> bool:
    try:
        return changed(own_copy(bars[:cut]), cut)
    except StrategyError:
        return True
