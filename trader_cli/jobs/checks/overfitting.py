"""overfitting: is it more than the best of what was tried?

The verdict deflates by the *counted* trials. Their effective number, which is smaller since neighbours in a search trade
alike, stands beside it and decides nothing: the best of N equally correlated trials is by sqrt(1 - rho) less lucky than of
independent ones, and so much smaller is their measured variance already, so that a smaller N would count the likeness twice.
The count is also all that is known of trials whose parameters are gone. It costs the honest little: ten times the trials raise
the bar by about a fifth.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from trader_cli.errors import TraderError
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.lab import Variant
from trader_cli.model.bars import Floats
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.stats.overfitting import (
    Moments,
    Overfitting,
    backtest_overfitting,
    deflated_sharpe,
    effective_trials,
    lucky_sharpe,
    minimum_track_record,
    moments,
    probabilistic_sharpe,
    sharpe_ratios,
)

NAME = "overfitting"
LEAST_TRIALS = 10
"""Fewer tell neither a variance nor a rank."""
_FEWER = (
    "try fewer sets of parameters, with a reason for each, or wait for more days; no search makes this number better"
)


def overfitting(bench: Bench) -> CheckResult:
    """Judge the base's Sharpe ratio against the luck of the best of all that was tried, and the search by CSCV.

    Trials are replayed on the same bars, at most `sampled_trials`, and the base is one of them; those that the strategy no
    longer accepts are left out and still counted. The variance of their Sharpe ratios counts up to 1 / (days - 1), which is
    what estimates of a Sharpe ratio of 0 vary by (Lo 2002, "The Statistics of Sharpe Ratios", Financial Analysts Journal
    58(4)): what is beyond are true differences between sets of parameters, no luck, and an edge that most of a search misses
    would be called lucky for them. Below ten trials it is taken as that, and there is no CSCV.
    """
    confidence = float(bench.limits["confidence_pct"]) / 100
    daily, periods = bench.base.daily, bench.base.periods
    record, blocks = moments(daily), int(bench.limits["blocks"])
    days = 0 if math.isnan(record.sharpe) else len(daily)
    if days < 2 * blocks:
        message = f"it has results of {days} days, at least {2 * blocks} are needed to judge a Sharpe ratio"
        return CheckResult(
            NAME, Status.FAIL, days, 2 * blocks, "days", message, "give it a longer span in which it trades"
        )
    returns = _trials(bench)
    trials = max(bench.tried.count, returns.shape[1])
    many = returns.shape[1] >= LEAST_TRIALS
    chance = 1.0 / (len(daily) - 1)
    measured = float(np.var(sharpe_ratios(returns), ddof=1)) if many else chance
    variance = min(measured, chance)
    luck = lucky_sharpe(variance, trials)
    deflated = deflated_sharpe(record, variance, trials)
    effective = effective_trials(returns, trials)
    found = backtest_overfitting(returns, blocks) if many else None
    year = math.sqrt(periods)
    details = {
        "sharpe": record.sharpe * year,
        "lucky_sharpe": luck * year,
        "lucky_sharpe_all_variance": lucky_sharpe(measured, trials) * year,
        "trials": trials,
        "effective_trials": effective,
        "replayed_trials": returns.shape[1],
        "probabilistic_sharpe": probabilistic_sharpe(record),
        "deflated_sharpe": deflated,
        "deflated_sharpe_effective": deflated_sharpe(record, variance, effective),
        "skewness": record.skewness,
        "kurtosis": record.kurtosis,
        "days": record.count,
        "days_needed": minimum_track_record(record, 0.0, confidence),
        "days_needed_after_trials": minimum_track_record(record, luck, confidence),
    } | _cscv(found)
    said = _sentence(record, trials, luck, year, details["days_needed_after_trials"])
    if not deflated >= confidence:
        message = f"{said}: probability {deflated:.3f} that it is more than luck, at least {confidence:g} is asked for"
        return CheckResult(NAME, Status.FAIL, deflated, confidence, "probability", message, _FEWER, details)
    most = float(bench.limits["max_pbo_pct"])
    if found is not None and found.probability * 100 > most:
        message = (
            f"in {found.probability:.0%} of {found.splits:,} splits of the days the best of {returns.shape[1]:,} tries "
            f"on one half was no better than their median on the other; at most {most:g} % is asked for"
        )
        return CheckResult(NAME, Status.FAIL, found.probability * 100, most, "%", message, _FEWER, details)
    message = f"{said}: probability {deflated:.3f} that it is more than luck"
    if found is not None:
        message += f"; the choice among {returns.shape[1]:,} tries was overfit in {found.probability:.0%} of the splits"
    return CheckResult(NAME, Status.PASS, deflated, confidence, "probability", message, "", details)


def _trials(bench: Bench) -> Floats:
    """Return the daily returns (days, trials) of the base and of other sets that were tried."""
    own = bench.lab.strategy().params
    columns = [bench.base.daily]
    for params in list(bench.tried.params)[: int(bench.limits["sampled_trials"])]:
        try:
            if bench.lab.strategy(params).params == own:
                continue
            daily = bench.lab.run(Variant(params=params)).daily
        except TraderError:
            # An older version of the strategy took it; it stays counted.
            continue
        columns.append(daily)
    return np.column_stack(columns)


def _cscv(found: Overfitting | None) -> dict[str, Any]:
    if found is None:
        return {}
    return {"pbo_pct": found.probability * 100, "degradation_slope": found.slope, "loss_pct": found.loss * 100}


def _sentence(record: Moments, trials: int, luck: float, year: float, needed: float) -> str:
    own = f"{record.sharpe * year:.2f}"
    days = f"in {record.count:,} days" + (f" ({math.ceil(needed):,} are needed)" if math.isfinite(needed) else "")
    if trials == 1:
        return f"nothing else was ever tried, so that nothing is deducted; its Sharpe ratio is {own} {days}"
    return (
        f"the best of {trials:,} tries would reach a Sharpe ratio of {luck * year:.2f} by luck alone; "
        f"this one has {own} {days}"
    )
