"""regimes: what kind of market made the profit, and whether one month did."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trader_cli.jobs.checks.bench import Bench
from trader_cli.model.bars import Bars, Floats, Ints
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.stats.performance import monthly_returns
from trader_cli.stats.regimes import (
    TREND_PARTS,
    TRENDS,
    UNKNOWN,
    VOLATILITIES,
    VOLATILITY_PARTS,
    Regime,
    best_month,
    by_label,
    equal_weight_returns,
    trend_labels,
    volatility_labels,
)

NAME = "regimes"


def regimes(bench: Bench) -> CheckResult:
    """Split the days by trend and volatility of the symbols' equal-weight index, as known the evening before.

    FAIL: too few days to label any; no profit; the best month made all of it, so that the rest is a loss. WARN: it made
    `lucky_month_pct` of the growth; a regime was seen for less than a month of days. Growth is of logarithms, so that months
    add up and a late one weighs no more than an early one.
    """
    base = bench.base
    days, daily = base.open_ms[base.span.ends], base.daily
    quarter, month = (max(2, round(base.periods / parts)) for parts in (TREND_PARTS, VOLATILITY_PARTS))
    market = equal_weight_returns(index_closes(bench.lab.series, days))
    trend, volatility = trend_labels(market, quarter), volatility_labels(market, month)
    labelled = int(np.sum(trend != UNKNOWN))
    if labelled < month:
        message = f"{len(daily)} days are too few to tell regimes: the trend is that of {quarter} days before"
        hint = "give it a longer span"
        return CheckResult(NAME, Status.FAIL, len(daily), quarter + month, "days", message, hint)
    parts = [
        *by_label(daily, trend, TRENDS, base.periods),
        *by_label(daily, volatility, VOLATILITIES, base.periods),
    ]
    details: dict[str, Any] = {one.name: dict(vars(one)) for one in parts}
    months = monthly_returns(base.open_ms, base.equity, base.start)
    limit = float(bench.limits["lucky_month_pct"])
    said = "; ".join(f"{one.name} {_result(one)}" for one in parts)
    grown = _growth(months)
    if not grown > 0:
        message = (
            f"{math.expm1(grown):+.1%} in all: there is no profit that a month or a regime could have made; {said}"
        )
        hint = "it has to earn something before it matters when"
        return CheckResult(NAME, Status.FAIL, None, limit, "% of the profit", message, hint, details)
    best = best_month(months)
    assert best is not None  # noqa: S101 growth above 0 has a month
    year, number, value, rest = best
    share = math.log1p(value / 100) / grown * 100
    name = f"{year}-{number:02}"
    details |= {"best_month": name, "best_month_pct": value, "best_month_share_pct": share, "without_it_pct": rest}
    about = f"the best month, {name}, brought {value:+.1f} %, {share:.0f} % of the growth"
    if rest <= 0:
        message = f"{about}, and all the others together {rest:+.1f} %: one lucky month; {said}"
        hint = f"look at what happened in {name}; an edge earns in more than one month"
        return CheckResult(NAME, Status.FAIL, share, limit, "% of the profit", message, hint, details)
    rare = [one for one in parts if one.days < month]
    if share >= limit or rare:
        lucky = f"{about}, {limit:g} % or more is luck until shown otherwise" if share >= limit else about
        unseen = "".join(f"; {one.name} was seen on {one.days} days only" for one in rare)
        hint = "give it a span with such days: nobody knows what it does there" if rare else f"look at {name}"
        message = f"{lucky}{unseen}; {said}"
        return CheckResult(NAME, Status.WARN, share, limit, "% of the profit", message, hint, details)
    return CheckResult(NAME, Status.PASS, share, limit, "% of the profit", f"{about}; {said}", "", details)


def index_closes(series: Sequence[Bars], days: Ints) -> Floats:
    """Return each symbol's last close at or before the bars that open at `days`, shape (n, s); NaN before its first."""
    closes = np.full((len(days), len(series)), np.nan)
    for s, bars in enumerate(series):
        row = np.searchsorted(bars.open_ms, days, side="right") - 1
        closes[row >= 0, s] = bars.close[row[row >= 0]]
    return closes


def _result(one: Regime) -> str:
    return f"{one.total_return_pct:+.1f} % in {one.days:,} days" if one.days else "never"


def _growth(months: Sequence[tuple[int, int, float]]) -> float:
    return sum(math.log1p(value / 100) for _, _, value in months)
