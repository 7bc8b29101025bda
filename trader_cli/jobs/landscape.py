"""What a table of trials looks like: the best, the front, the map of two parameters, and what stands beside the best.

Trials are read one at a time and forgotten: the memory of a million is that of a hundred.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from trader_cli.jobs.search import Best, Front, Objective
from trader_cli.jobs.space import Axis, Space
from trader_cli.model.evidence import Trial

_MOST_BINS = 50
_MOST_KNOWN = 4096
"""Values whose part is not reckoned twice."""
_SHOWN_COLUMNS, _SHOWN_ROWS = 11, 20
"""What a map of 80 columns holds."""
_NEAR = 0.1
"""Where no trial is one step away: the part of every range within which another counts as a neighbour."""
_MOST_NEAR = 200
_MOST_PROBLEMS = 50
_OTHER = "others"

PLATEAU, SLOPE, SPIKE, UNKNOWN = "plateau", "slope", "spike", "unknown"


@dataclass(frozen=True)
class Bins:
    """The values of an axis in at most as many parts as asked for; each value alone where there are few."""

    axis: Axis
    count: int
    _known: dict[Any, int] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, axis: Axis, most: int) -> Bins:
        """Return the bins of an axis."""
        size = axis.size
        return cls(axis, most if size is None else min(most, size))

    def bin(self, value: Any) -> int:
        """Return the part that a value lies in."""
        found = self._known.get(value)
        if found is None:
            found = self._part(value)
            if len(self._known) < _MOST_KNOWN:
                self._known[value] = found
        return found

    def _part(self, value: Any) -> int:
        size, place = self.axis.size, self.axis.place(value)
        if size is not None and place is not None:
            return place * self.count // size
        low, high = float(self.axis.low), float(self.axis.high)
        return min(int((value - low) / (high - low) * self.count), self.count - 1)

    @property
    def values(self) -> list[Any]:
        """The first value of each part."""
        size = self.axis.size
        if size is None:
            return [self.axis.share(i / self.count) for i in range(self.count)]
        return [self.axis.at(-(-i * size // self.count)) for i in range(self.count)]

    @property
    def whole(self) -> bool:
        """Tell whether each value has a part of its own."""
        return self.axis.size is not None and self.axis.size <= self.count


@dataclass
class _Mean:
    count: int = 0
    total: float = 0.0

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value

    @property
    def value(self) -> float:
        return self.total / self.count if self.count else math.nan


@dataclass
class Survey:
    """Everything that one reading of a table tells. top: best first, of equal ones the lower number.

    done, failed, thin: trials, those the strategy refused, those with too few round trips to be the best. problems: how often
    each was said. trades, equity: sums over all, equity in 1e-8 quote. digest: SHA-256 (hex) over every row.
    """

    space: Space
    objectives: Sequence[Objective]
    min_trades: int
    most: int
    done: int = 0
    failed: int = 0
    thin: int = 0
    problems: Counter[str] = field(default_factory=Counter)
    trades: int = 0
    equity: int = 0
    _means: dict[str, dict[int, _Mean]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(_Mean)))
    _hash: Any = field(default_factory=hashlib.sha256)

    def __post_init__(self) -> None:
        self._bins = {axis.name: Bins.of(axis, _MOST_BINS) for axis in self.space.searched}
        self._best = Best(self.most)
        self._front = Front()

    def add(self, trial: Trial) -> None:
        """Take a row in; rows come in order of number."""
        self.done += 1
        self._hash.update(row_text(trial).encode())
        if trial.problem:
            self.failed += 1
            known = trial.problem in self.problems or len(self.problems) < _MOST_PROBLEMS
            self.problems[trial.problem if known else _OTHER] += 1
            return
        self.trades += int(trial.stats["trades"])
        self.equity += round(trial.stats["final_equity"] * 1e8)
        worth = [one.worth(trial, self.min_trades) for one in self.objectives]
        self.thin += trial.stats["trades"] < self.min_trades
        if math.isnan(worth[0]):
            return
        self._best.add(trial, worth[0])
        if len(worth) > 1:
            self._front.add(trial, worth)
        if math.isfinite(worth[0]):
            for name, bins in self._bins.items():
                self._means[name][bins.bin(trial.params[name])].add(worth[0])

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over every row."""
        return str(self._hash.hexdigest())

    @property
    def top(self) -> list[Trial]:
        """The best, best first."""
        return self._best.trials

    @property
    def front(self) -> list[Trial]:
        """Where there are several objectives: those that no other trial beats in all of them."""
        return self._front.trials

    def influence(self) -> dict[str, float]:
        """Return how far each searched parameter moves the first objective: the deviation of its values' means."""
        return {name: _deviation(list(self._means.get(name, {}).values())) for name in self._bins}


def row_text(trial: Trial) -> str:
    """Return a trial as the table's digest reads it: the same text for the same numbers, wherever they were kept."""
    row = [trial.number, dict(trial.params), dict(trial.stats), trial.digest, trial.problem]
    return _ENCODER.encode(row) + "\n"


_ENCODER = json.JSONEncoder(sort_keys=True)


def _deviation(means: Sequence[_Mean]) -> float:
    whole = sum(one.count for one in means)
    if not whole:
        return 0.0
    mean = sum(one.total for one in means) / whole
    return math.sqrt(sum(one.count * (one.value - mean) ** 2 for one in means) / whole)


def two_axes(space: Space, influence: Mapping[str, float], stated: Sequence[str]) -> tuple[Axis, Axis] | None:
    """Return the two parameters of the map: those stated, else the two that matter most; None where fewer are searched."""
    searched = {axis.name: axis for axis in space.searched}
    names = list(stated) or sorted(searched, key=lambda name: -influence.get(name, 0.0))[:2]
    if len(names) < 2:
        return None
    # In the order of declaration: the same axes are not turned round by a little more data.
    first, second = names if stated else [name for name in searched if name in names]
    return searched[first], searched[second]


@dataclass(frozen=True)
class HeatMap:
    """Means of a figure over two parameters. values: one row a part of y, NaN where no trial lies."""

    figure: str
    x: Bins
    y: Bins
    values: list[list[float]]

    def plain(self) -> dict[str, Any]:
        """Return the map as JSON shows it: `values[i][j]` lies at the i-th of y and the j-th of x."""
        axes = {
            side: {"name": bins.axis.name, "values": bins.values, "each": bins.whole}
            for side, bins in (("x", self.x), ("y", self.y))
        }
        return {"figure": self.figure, **axes, "values": self.values}


class Closer:
    """The second reading of a table: the map, and what stands beside the best."""

    def __init__(
        self, space: Space, objective: Objective, min_trades: int, best: Trial, axes: tuple[Axis, Axis] | None
    ):
        self._space, self._objective, self._min_trades, self._best = space, objective, min_trades, best
        self._names = [axis.name for axis in space.axes]
        self._steps = set() if space.size is None else _one_step(space, best)
        self._exact: list[Trial] = []
        self._near = Best(_MOST_NEAR)
        self._maps: list[tuple[Bins, Bins, dict[tuple[int, int], _Mean]]] = []
        if axes is not None:
            for columns, rows in ((_MOST_BINS, _MOST_BINS), (_SHOWN_COLUMNS, _SHOWN_ROWS)):
                self._maps.append((Bins.of(axes[0], columns), Bins.of(axes[1], rows), defaultdict(_Mean)))

    def add(self, trial: Trial) -> None:
        """Take a row in."""
        worth = self._objective.worth(trial, self._min_trades)
        if math.isfinite(worth):
            value = trial.stats[self._objective.figure]
            for x, y, cells in self._maps:
                place = (y.bin(trial.params[y.axis.name]), x.bin(trial.params[x.axis.name]))
                cells[place].add(value)
        if trial.params == self._best.params:
            return
        if self._steps and tuple(trial.params[name] for name in self._names) in self._steps:
            self._exact.append(trial)
            return
        distance = self._distance(trial)
        if distance <= _NEAR:
            self._near.add(trial, -distance)

    def maps(self) -> tuple[HeatMap, HeatMap] | None:
        """Return the map, fine and as a terminal holds it; None where fewer than two parameters are searched."""
        if not self._maps:
            return None
        fine, shown = (
            HeatMap(
                self._objective.figure,
                x,
                y,
                [[cells[i, j].value if (i, j) in cells else math.nan for j in range(x.count)] for i in range(y.count)],
            )
            for x, y, cells in self._maps
        )
        return fine, shown

    def neighbours(self, plateau_pct: float, spike_pct: float) -> dict[str, Any]:
        """Return what stands beside the best, and what that makes it: plateau, slope, spike or unknown.

        Beside it: the trials one step away in one parameter; where none was tried, those within a tenth of every range, words
        alike. What the median of them reaches of the best (median / best; best / median where less is better) is at least
        `plateau_pct`: a plateau; under `spike_pct`: a spike; between: a slope. A best alone, or not above zero, is unknown.
        """
        exact = bool(self._exact)
        found = self._exact if exact else self._near.trials
        best = self._best.stats[self._objective.figure]
        values = [_figure(trial, self._objective.figure) for trial in found]
        # One that failed or has no figure keeps nothing of the best.
        worst = -math.inf if self._objective.highest else math.inf
        middle = median(worst if math.isnan(one) else one for one in values) if values else math.nan
        kept = _kept(best, middle, self._objective.highest)
        word = UNKNOWN
        if not math.isnan(kept):
            word = PLATEAU if kept * 100 >= plateau_pct else SPIKE if kept * 100 < spike_pct else SLOPE
        return {
            "word": word,
            "median": middle,
            "relative_pct": kept * 100,
            "count": len(found),
            "within": "one step" if exact else f"{_NEAR:.0%} of each range",
            "plateau_pct": plateau_pct,
            "spike_pct": spike_pct,
            "rows": [
                {
                    "number": trial.number,
                    "params": {
                        axis.name: trial.params[axis.name]
                        for axis in self._space.axes
                        if trial.params[axis.name] != self._best.params[axis.name]
                    },
                    "value": value,
                    "relative_pct": _kept(best, value, self._objective.highest) * 100,
                    "trades": trial.stats.get("trades"),
                    "problem": trial.problem,
                }
                for trial, value in zip(found, values, strict=True)
            ][:_SHOWN_ROWS],
        }

    def _distance(self, trial: Trial) -> float:
        """Return the largest part of a range that a trial lies from the best; infinite where a word differs."""
        far = 0.0
        for axis in self._space.searched:
            mine, other = self._best.params[axis.name], trial.params[axis.name]
            if mine == other:
                continue
            if not axis.ordered:
                return math.inf
            far = max(far, abs(other - mine) / _length(axis))
        return far


def _one_step(space: Space, best: Trial) -> set[tuple[Any, ...]]:
    """Return the combinations one step away in one parameter, their values in the order of the axes."""
    found: set[tuple[Any, ...]] = set()
    for axis in space.searched:
        if not axis.ordered:
            continue
        for value in _beside(axis, best.params[axis.name]):
            params = {**best.params, axis.name: value}
            if space.number(params) is not None:
                found.add(tuple(params[one.name] for one in space.axes))
    return found


def _beside(axis: Axis, value: Any) -> list[Any]:
    """Return the values next to one, at most two."""
    if axis.listed:
        values = sorted(axis.listed)
        place = values.index(value)
        return [*values[max(place - 1, 0) : place], *values[place + 1 : place + 2]]
    place = axis.place(value) or 0
    return [axis.at(other) for other in (place - 1, place + 1) if 0 <= other < (axis.size or 0)]


def _length(axis: Axis) -> float:
    if axis.listed:
        return float(max(axis.listed) - min(axis.listed))
    return float(axis.high - axis.low)


def _figure(trial: Trial, name: str) -> float:
    return trial.stats.get(name, math.nan)


def _kept(best: float, other: float, highest: bool) -> float:
    """Return the part of the best that another keeps; NaN where a part has no meaning."""
    if math.isnan(other) or not math.isfinite(best):
        return math.nan
    if highest:
        return other / best if best > 0 else math.nan
    if best < 0 or other < 0:
        return math.nan
    if other == best:
        return 1.0
    return best / other
