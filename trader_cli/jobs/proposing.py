"""A proposal from a search: a bounded change of parameters for the market of now, and the symbols that earned (R0.6).

It is words in the ledger and nothing else: who wants it validates it, tries it on paper beside the current setting, and
deploys it by hand.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trader_cli.jobs.checks.regimes import index_closes
from trader_cli.jobs.lab import Lab, Outcome, Variant
from trader_cli.jobs.search import Best, Objective
from trader_cli.model.evidence import Proposal, Trial
from trader_cli.stats.performance import sharpe
from trader_cli.stats.regimes import TREND_PARTS, TRENDS, UNKNOWN, equal_weight_returns, trend_labels

ALL = "all"


@dataclass(frozen=True)
class Judged:
    """A set of parameters on the days of a regime. sharpe: annualised, NaN = not defined. earners: symbols, best first."""

    params: Mapping[str, Any]
    sharpe: float
    days: int
    earners: tuple[str, ...]


def bounded(current: Mapping[str, Any], params: Mapping[str, Any], max_change_pct: float) -> bool:
    """Tell whether no number changes by more than a part of its current value; words and switches stay as they are."""
    for name, now in current.items():
        new = params[name]
        if isinstance(now, bool | str):
            if new != now:
                return False
        elif abs(new - now) > abs(now) * max_change_pct / 100:
            return False
    return True


def regime_of_now(lab: Lab, outcome: Outcome) -> tuple[str, np.ndarray[Any, Any]]:
    """Return the regime that tomorrow begins in, and which of the outcome's days were of it; `all` where nobody can tell.

    Regimes are those of the equal-weight index of the symbols, as known the evening before.
    """
    market = equal_weight_returns(index_closes(lab.series, outcome.open_ms[outcome.span.ends]))
    quarter = max(2, round(outcome.periods / TREND_PARTS))
    # One more day, of which only what came before it counts: tomorrow.
    labels = trend_labels(np.r_[market, 0.0], quarter)
    now = int(labels[-1])
    if now == UNKNOWN:
        return ALL, np.ones(len(market), bool)
    return TRENDS[now], labels[:-1] == now


def within(
    trials: Iterable[Trial],
    current: Mapping[str, Any],
    max_change_pct: float,
    objective: Objective,
    min_trades: int,
    most: int,
) -> list[Trial]:
    """Return the best trials that change the current parameters by no more than is allowed, best first."""
    best = Best(most)
    for trial in trials:
        worth = objective.worth(trial, min_trades)
        if (
            math.isnan(worth)
            or dict(trial.params) == dict(current)
            or not bounded(current, trial.params, max_change_pct)
        ):
            continue
        best.add(trial, worth)
    return best.trials


def propose(
    lab: Lab,
    strategy: str,
    current: Mapping[str, Any],
    candidates: Iterable[Trial],
    max_change_pct: float,
    sweep_id: str,
    time_ms: int,
) -> Proposal | None:
    """Return what does best on the days like now, None where nothing does better than the current parameters.

    candidates: trials within the bounds; each is replayed, for its days and its symbols. Raises StrategyError.
    """
    base = lab.run(Variant(params=current))
    regime, days = regime_of_now(lab, base)
    now = _judged(lab, current, base, days)
    judged = [_judged(lab, trial.params, lab.run(Variant(params=trial.params)), days) for trial in candidates]
    better = [one for one in judged if one.sharpe > now.sharpe or (math.isnan(now.sharpe) and one.sharpe > 0)]
    if not better:
        return None
    best = max(better, key=lambda one: one.sharpe)
    changed = ", ".join(
        f"{name} {current[name]} → {value}" for name, value in best.params.items() if value != current[name]
    )
    when = "over all days" if regime == ALL else f"on the {best.days:,} {regime} days, and the market is {regime} now,"
    reason = (
        f"{changed}: {when} a Sharpe ratio of {best.sharpe:.2f} against {now.sharpe:.2f} of the current parameters, "
        f"each within {max_change_pct:g} % of them"
    )
    symbols = best.earners or lab.symbols
    return Proposal(strategy, regime, dict(current), dict(best.params), symbols, sweep_id, time_ms, reason)


def _judged(lab: Lab, params: Mapping[str, Any], outcome: Outcome, days: np.ndarray[Any, Any]) -> Judged:
    earned = np.bincount(outcome.trips.symbol, outcome.trips.pnl, len(lab.symbols)).tolist()
    order = sorted((i for i, pnl in enumerate(earned) if pnl > 0), key=lambda i: -earned[i])
    mine = outcome.daily[days]
    return Judged(params, sharpe(mine, outcome.periods), len(mine), tuple(lab.symbols[i] for i in order))
