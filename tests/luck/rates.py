"""How often the checks refuse what has no edge and let pass what has one, over many seeds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.luck.markets import planted, random_walk, real_returns, shuffled
from tests.luck.trial import Judged, judge
from trader_cli.model.bars import Bars

STRENGTH = 0.8
"""Percent a day: at which a market of `planted` drifts for the promise to be kept."""


@dataclass(frozen=True)
class Rate:
    """What became of the seeds of one market. by_check: of how many each check said FAIL; passed: which seeds did."""

    market: str
    seeds: int
    refused: int
    by_check: dict[str, int]
    sharpe: float
    passed: tuple[int, ...]

    @property
    def refused_pct(self) -> float:
        """Share of the seeds that were refused."""
        return self.refused / self.seeds * 100

    def __str__(self) -> str:
        checks = ", ".join(f"{name} {count}" for name, count in sorted(self.by_check.items()))
        return (
            f"{self.market}: {self.refused} of {self.seeds} refused ({self.refused_pct:.1f} %), {self.seeds - self.refused} "
            f"passed; refused by {checks or 'none'}; median Sharpe ratio of the best {self.sharpe:.2f}"
        )


def markets(folder: Path | None) -> dict[str, Callable[[int], Bars]]:
    """Return the markets by name; without a folder of real data only those that are made."""
    found: dict[str, Callable[[int], Bars]] = {"random walk": random_walk}
    if folder is not None:
        returns = real_returns(folder)
        found["shuffled real data"] = lambda seed: shuffled(seed, returns)
    found["planted edge"] = lambda seed: planted(seed, STRENGTH)
    return found


def rate(name: str, market: Callable[[int], Bars], seeds: Sequence[int]) -> Rate:
    """Return what the checks said of the best of 1,000 sets of parameters on each seed of a market."""
    judged: list[Judged] = [judge(market(seed), seed) for seed in seeds]
    by_check = Counter(check for one in judged for check in one.refused_by)
    passed = tuple(seed for seed, one in zip(seeds, judged, strict=True) if not one.refused_by)
    sharpe = float(np.median([one.sharpe for one in judged]))
    return Rate(name, len(judged), len(judged) - len(passed), dict(by_check), sharpe, passed)
