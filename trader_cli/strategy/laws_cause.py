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
_BEGINNINGS = 12


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


def explain(changes: Sequence[Change], bars: Bars, changed: Callable[[Bars, int], bool]) -> str:
    """Return the cause in words, empty where nothing changed.

    changed: tells whether the strategy, shown these bars, says something else before this cut than with the true ones.
    """
    if not changes:
        return ""
    kind = _kind(changes, bars, changed)
    read = _read(changes, bars, changed)
    return f"{kind}{read}"


def _kind(changes: Sequence[Change], bars: Bars, changed: Callable[[Bars, int], bool]) -> str:
    prefixes = [one for one in changes if one.test == "prefix"] or list(changes)
    cuts = np.array([one.cut for one in prefixes])
    reaches = np.array([one.reach for one in prefixes])
    last_rows = max(int(one.rows[-1]) for one in prefixes)
    # Only the first bars change, wherever the future is: what came last has wrapped around to them.
    edge = max(2, len(bars) // 20)
    if last_rows < edge and int(cuts.max()) > 4 * edge:
        return f"its first {last_rows + 1} bars are taken from the end of the series (`np.roll` and negative rows wrap around)"
    if int(cuts.max()) < len(bars) // 2 and last_rows < int(cuts.max()) and int((cuts - reaches).min()) < edge:
        late = int(cuts.max())
        return f"its first bars are filled backward from later ones: after bar {late} nothing changes any more"
    frame = _open_bar(prefixes, bars, changed)
    if frame:
        return f"it looks at the open {frame} bar: the leak stops where {frame} bars begin"
    reach = int(reaches.max())
    if reach <= max(8, len(bars) // 4) and reach < int(cuts.max()) // 2:
        return f"it looks {'' if reach == int(reaches.min()) else 'up to '}{reach} bar{'s' if reach > 1 else ''} ahead"
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


def _open_bar(prefixes: Sequence[Change], bars: Bars, changed: Callable[[Bars, int], bool]) -> str:
    cuts = [one.cut for one in prefixes]
    for frame in _FRAMES:
        if frame <= bars.timeframe or frame.ms % bars.timeframe.ms:
            continue
        buckets = (bars.open_ms - frame.offset_ms) // frame.ms
        if _fits(prefixes, buckets) and _silent(cuts, buckets, bars, changed):
            return str(frame)
    months = bars.open_ms.astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    if _fits(prefixes, months) and _silent(cuts, months, bars, changed):
        return "calendar-month"
    return ""


def _fits(prefixes: Sequence[Change], buckets: Ints) -> bool:
    # Each cut lies within a bucket, and nothing before that bucket has changed.
    return all(buckets[one.cut] == buckets[one.cut - 1] == buckets[one.rows[0]] for one in prefixes)


def _silent(cuts: Sequence[int], buckets: Ints, bars: Bars, changed: Callable[[Bars, int], bool]) -> bool:
    begins = np.flatnonzero(buckets[1:] != buckets[:-1]) + 1
    if len(begins) < 2:
        return False
    # Those nearest to where it was seen, where the strategy is at work.
    order = np.argsort(np.abs(begins[:, None] - np.array(cuts)[None, :]).min(axis=1), kind="stable")
    near = begins[order[:_BEGINNINGS]].tolist()

    def leaks(cut: int) -> bool:
        try:
            return changed(own_copy(bars[:cut]), cut)
        except StrategyError:
            return True

    return not any(leaks(cut) for cut in near)
