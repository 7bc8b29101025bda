"""One seed: search 1,000 sets of parameters for the best, and ask the checks about it as `validate` would."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.research import lab_of
from trader_cli.config.layers import load_settings
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.luck import luck
from trader_cli.jobs.checks.overfitting import overfitting
from trader_cli.jobs.checks.regimes import regimes
from trader_cli.jobs.lab import Variant
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import CheckResult, Status, Tried
from trader_cli.strategy.loader import Library

LIBRARY = Library(None, Path(__file__).resolve().parents[2] / "strategies")
CHECKS = (overfitting, luck, regimes)
TRIES = 1000
LEAST_TRADES = 20
"""As many as the checks ask for, so that no refusal is for want of trades."""
LIMITS: Mapping[str, Any] = load_settings("plain", Path("/nonexistent"), {}, {}).settings.model_dump()["validate"]


@dataclass(frozen=True)
class Judged:
    """The best of the search and what the checks said of it. sharpe: its own, annual."""

    params: Mapping[str, Any]
    sharpe: float
    results: tuple[CheckResult, ...]

    @property
    def refused_by(self) -> tuple[str, ...]:
        """Names of the checks that said FAIL."""
        return tuple(one.name for one in self.results if one.status is Status.FAIL)


def judge(bars: Bars, seed: int, tries: int = TRIES) -> Judged:
    """Search `tries` random sets of demo_ma's parameters and judge the one with the best Sharpe ratio of enough trades."""
    lab = lab_of(LIBRARY.load("demo_ma").cls(), bars)
    space = distinct(seed, tries)
    best, most = space[0], -math.inf
    for params in space:
        outcome = lab.run(Variant(params=params))
        figures = outcome.stats
        if figures["trades"] >= LEAST_TRADES and figures["sharpe"] > most:
            best, most = params, figures["sharpe"]
    chosen = lab.wanting(lab.strategy(best))
    spread = np.linspace(0, tries - 1, min(tries, int(LIMITS["sampled_trials"]))).astype(int)
    tried = Tried(tries, [space[i] for i in spread], None, {})
    bench = Bench(chosen, chosen.run(), tried, LIMITS, seed)
    return Judged(best, most, tuple(check(bench) for check in CHECKS))


def distinct(seed: int, tries: int) -> list[dict[str, int]]:
    """Return `tries` different pairs of averages, the fast one shorter, at random."""
    pairs = [(fast, slow) for fast in range(2, 101) for slow in range(5, 401) if fast < slow]
    chosen = np.random.default_rng(seed).choice(len(pairs), tries, replace=False)
    return [{"fast": pairs[i][0], "slow": pairs[i][1]} for i in chosen]
