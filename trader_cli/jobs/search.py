"""Which combination is tried next: by counting, by lot, or by what was learned.

Trials are numbered from 0. What is tried under a number follows from the space, the seed and, for tpe, the results of whole
batches before it: not from how many workers there are, nor from when a search was stopped and begun again.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from trader_cli.errors import UsageError
from trader_cli.jobs.space import Axis, Space
from trader_cli.model.evidence import Trial

FIGURES = (
    "sharpe",
    "sortino",
    "calmar",
    "total_return_pct",
    "cagr_pct",
    "volatility_pct",
    "max_drawdown_pct",
    "trades",
    "win_rate_pct",
    "profit_factor",
    "expectancy",
    "exposure_pct",
    "turnover",
    "fees_paid",
    "final_equity",
    "fills",
)
"""What a replay tells of itself, by the names of `backtest --json`."""

_ROUNDS = 6
_WORD = 2**64 - 1


@dataclass(frozen=True)
class Objective:
    """A figure that is to be as high as possible, or as low."""

    figure: str
    highest: bool = True

    def worth(self, trial: Trial, min_trades: int) -> float:
        """Return what a trial is worth, higher is better; NaN where it is worth nothing: it failed, or traded too little."""
        value = trial.stats.get(self.figure, math.nan)
        if trial.problem or trial.stats.get("trades", 0) < min_trades:
            return math.nan
        return value if self.highest else -value

    @property
    def text(self) -> str:
        """The figure as it is stated, with `-` where less is better."""
        return self.figure if self.highest else f"-{self.figure}"


class Search(Protocol):
    """A way through a space. version: of what decides its suggestions beside the space and the seed."""

    total: int
    version: str

    def at(self, number: int) -> dict[str, Any]:
        """Return the combination of a number below `ready`."""
        ...

    def ready(self, first: int) -> int:
        """Return the number up to which combinations can be had when all trials below `first` were told."""
        ...

    def tell(self, trial: Trial) -> None:
        """Take a result in; trials are told in order, each once."""
        ...

    def resume(self, trials: Iterable[Trial], done: int) -> None:
        """Take in the `done` trials of a search that was stopped, in order."""
        ...


class _Stateless:
    """What grid and random share: nothing is learned."""

    version = ""
    total: int

    def ready(self, first: int) -> int:  # noqa: ARG002 all can be had at any time
        return self.total

    def tell(self, trial: Trial) -> None:
        pass

    def resume(self, trials: Iterable[Trial], done: int) -> None:
        pass


class Grid(_Stateless):
    """Every combination, the last parameter changing fastest."""

    def __init__(self, space: Space) -> None:
        size = space.size
        if size is None:
            open_ = [axis for axis in space.axes if axis.size is None]
            names = ", ".join(f"`{axis.name}`" for axis in open_)
            raise UsageError(
                f"a grid has no end: {names} may be any number in a range",
                *(f"give it steps: `--param {axis.name}={axis.low}:{axis.high}:STEP`" for axis in open_),
                "or draw from it: `--method random`",
            )
        self.space = space
        self.total = size

    def at(self, number: int) -> dict[str, Any]:
        """Return the combination of a number."""
        return self.space.at(number)


class Random(_Stateless):
    """Combinations by lot. Where they can be counted none comes twice, and with enough trials all of them come."""

    def __init__(self, space: Space, trials: int, seed: int) -> None:
        self.space = space
        self.seed = seed
        self.size = space.size
        self.total = trials if self.size is None else min(trials, self.size)
        self._keys = [int(one) for one in np.random.SeedSequence(seed).generate_state(_ROUNDS, np.uint64)]

    def at(self, number: int) -> dict[str, Any]:
        """Return the combination of a number."""
        if self.size is not None:
            return self.space.at(self._shuffled(number, self.size))
        parts = np.random.default_rng([self.seed, number]).random(len(self.space.axes)).tolist()
        return {axis.name: axis.share(part) for axis, part in zip(self.space.axes, parts, strict=True)}

    def _shuffled(self, number: int, size: int) -> int:
        """Return the place of a number in a seeded order of 0..size-1, without the order being anywhere.

        A Feistel network is such an order of the powers of four; what falls beyond the end goes round again.
        Source: Black and Rogaway (2002), "Ciphers with arbitrary finite domains", cycle walking.
        """
        half = max((size - 1).bit_length() + 1, 2) // 2
        mask = (1 << half) - 1
        while True:
            left, right = number >> half, number & mask
            for key in self._keys:
                left, right = right, left ^ (_mixed(right ^ key) & mask)
            number = left << half | right
            if number < size:
                return number


def _mixed(value: int) -> int:
    """Return 64 bits that depend on every bit of a value. Source: Steele, Lea and Flood (2014), SplitMix64."""
    folded = 0
    while value:
        folded ^= value & _WORD
        value >>= 64
        folded = folded + 0x9E3779B97F4A7C15 & _WORD
        folded = (folded ^ folded >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        folded = (folded ^ folded >> 27) * 0x94D049BB133111EB & _WORD
        folded ^= folded >> 31
    return folded


class Tpe:
    """Tree-structured Parzen estimators (Optuna): batches of fixed size, each from what all batches before it gave.

    The batch is the same whatever the number of workers, and the sampler begins each with the seed and its number: so a
    resumed search suggests what the undisturbed one did. Its memory grows with the trials, 2 kB each.
    """

    def __init__(
        self, space: Space, trials: int, seed: int, objectives: Sequence[Objective], min_trades: int, batch: int
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = space
        self.seed = seed
        self.total = trials if space.size is None else min(trials, space.size)
        self.version = f"optuna {optuna.__version__}, batches of {batch}, at least {min_trades} trades"
        self._objectives = objectives
        self._min_trades = min_trades
        self._batch = batch
        self._study = optuna.create_study(directions=["maximize"] * len(objectives), sampler=self._sampler(0))
        self._choices = {axis.name: _distribution(axis) for axis in space.searched}
        self._asked: list[Any] = []
        self._first = -1

    def at(self, number: int) -> dict[str, Any]:
        """Return the combination of a number; the first one asked of a batch makes it."""
        first = number - number % self._batch
        if first != self._first:
            self._study.sampler = self._sampler(first // self._batch)
            count = min(self._batch, self.total - first)
            self._asked = [self._study.ask(self._choices) for _ in range(count)]
            self._first = first
        said = self._asked[number - first].params
        return {axis.name: _value(axis, said.get(axis.name)) for axis in self.space.axes}

    def ready(self, first: int) -> int:
        """Return the end of the batch that a number lies in."""
        return min(first - first % self._batch + self._batch, self.total)

    def tell(self, trial: Trial) -> None:
        """Take a result of the batch in hand in."""
        self._study.tell(self._asked[trial.number - self._first], self._values(trial))

    def resume(self, trials: Iterable[Trial], done: int) -> None:
        """Take in what a stopped search had done: whole batches as they are, the last one asked for again."""
        from optuna.trial import create_trial

        broken = done - done % self._batch
        for trial in trials:
            if trial.number >= broken:
                self.at(trial.number)
                self.tell(trial)
                continue
            params = {axis.name: _internal(axis, trial.params[axis.name]) for axis in self.space.searched}
            self._study.add_trial(create_trial(params=params, distributions=self._choices, values=self._values(trial)))

    def _sampler(self, batch: int) -> Any:
        from optuna.samplers import TPESampler

        return TPESampler(seed=int(np.random.SeedSequence([self.seed, batch]).generate_state(1)[0]))

    def _values(self, trial: Trial) -> list[float]:
        # What failed or hardly traded is the worst there can be, so that the search keeps away from it.
        worth = [one.worth(trial, self._min_trades) for one in self._objectives]
        return [-math.inf] * len(worth) if any(math.isnan(one) for one in worth) else worth


def _distribution(axis: Axis) -> Any:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if axis.size is None:
        return FloatDistribution(float(axis.low), float(axis.high))
    # Places instead of values: exact for any step, and a list of numbers in rising order keeps its order.
    in_order = axis.ordered and list(axis.listed) == sorted(axis.listed)
    return IntDistribution(0, axis.size - 1) if in_order else CategoricalDistribution(tuple(range(axis.size)))


def _value(axis: Axis, said: Any) -> Any:
    if said is None:
        return axis.at(0)
    return said if axis.size is None else axis.at(int(said))


def _internal(axis: Axis, value: Any) -> Any:
    return value if axis.size is None else axis.place(value)


class Best:
    """The few best trials of many, by what each is worth; of equal ones the lower numbers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int, Trial]] = []

    def add(self, trial: Trial, worth: float) -> None:
        """Take a trial in; worth: higher is better, no NaN."""
        entry = (worth, -trial.number, trial)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        elif entry[:2] > self._heap[0][:2]:
            heapq.heapreplace(self._heap, entry)

    @property
    def trials(self) -> list[Trial]:
        """Those that are left, best first."""
        return [entry[2] for entry in sorted(self._heap, key=lambda one: one[:2], reverse=True)]


class Front:
    """The trials that no other beats in every objective, in order of number; of equal ones the first."""

    def __init__(self) -> None:
        self._kept: list[tuple[Trial, tuple[float, ...]]] = []

    def add(self, trial: Trial, worth: Sequence[float]) -> None:
        """Take a trial in, with what it is worth by objective, higher is better; with a NaN among them it is left out."""
        mine = tuple(worth)
        if any(math.isnan(one) for one in mine) or any(_as_good(other, mine) for _, other in self._kept):
            return
        self._kept = [(kept, other) for kept, other in self._kept if not _as_good(mine, other)]
        self._kept.append((trial, mine))

    @property
    def trials(self) -> list[Trial]:
        """Those that are left."""
        return [trial for trial, _ in self._kept]


def _as_good(one: Sequence[float], other: Sequence[float]) -> bool:
    return all(a >= b for a, b in zip(one, other, strict=True))
