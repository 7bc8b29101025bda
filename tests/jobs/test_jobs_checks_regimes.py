"""The check of regimes: results by kind of market, one lucky month named, what was never seen said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.research import bars_of, lab_of, walk
from trader_cli.config.layers import load_settings
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.regimes import index_closes, regimes
from trader_cli.model.bars import Bars
from trader_cli.model.evidence import Status, Tried
from trader_cli.strategy import Levels, Strategy

LIMITS = load_settings("plain", Path("/nonexistent"), {}, {}).settings.model_dump()["validate"]


class Holder(Strategy):
    """Hold always."""

    def targets(self, bars: Bars) -> Levels:
        return np.ones(len(bars))


def bench(*bars: Bars, **limits: Any) -> Bench:
    lab = lab_of(Holder(), *bars, costs__fee_bps="0", costs__slippage_bps="0", sizing__fraction="1")
    return Bench(lab, lab.run(), Tried(1, (), None, {}), {**LIMITS, **limits}, 1)


def year(*months: float, seed: int = 1, noise: float = 0.0) -> Bars:
    """Days whose log returns are `months` (of 30 days each) spread evenly, with noise."""
    steps = np.repeat(np.array(months) / 30, 30)
    return bars_of(100 * np.exp(np.cumsum(steps + np.random.default_rng(seed).normal(0, noise, len(steps)))))


@pytest.mark.req("X3")
def test_one_lucky_month_that_pays_for_losing_ones_is_named_and_refused() -> None:
    """From 2017-01-01: twelve months of -2 % and one of +60 %, the seventh 30 days, which lie in June and July."""
    found = regimes(bench(year(*[-0.02] * 6, 0.6, *[-0.02] * 6)))
    assert found.status is Status.FAIL
    assert found.details["best_month"] == "2017-07"
    assert found.number is not None
    assert found.number > 100
    assert found.details["without_it_pct"] < 0
    assert "2017-07" in found.message
    assert "2017-07" in found.hint


@pytest.mark.req("X3")
def test_a_month_that_brings_most_of_the_profit_is_a_warning() -> None:
    found = regimes(bench(year(*[0.02] * 6, 0.6, *[0.02] * 6)))
    assert found.status is Status.WARN
    assert found.number is not None
    assert 50 <= found.number < 100
    assert "luck until shown otherwise" in found.message


def test_a_market_that_only_rises_shows_no_bear_and_it_is_said() -> None:
    found = regimes(bench(walk(800, 2, drift=0.01, volatility=0.01)))
    assert found.status is Status.WARN
    assert found.details["bear"]["days"] == 0
    assert "bear was seen on 0 days only" in found.message
    assert "bear never" in found.message


def test_profit_from_all_kinds_of_market_passes() -> None:
    found = regimes(bench(walk(1400, 12, drift=0.0012, volatility=0.02), lucky_month_pct="99"))
    assert found.status is Status.PASS
    assert found.hint == ""
    assert {"bull", "bear", "sideways", "low volatility", "high volatility"} <= set(found.details)
    trends = sum(found.details[name]["days"] for name in ("bull", "bear", "sideways"))
    # a quarter of a year is before the first trend
    assert trends == 1400 - 91


def test_a_loss_has_no_month_that_made_it() -> None:
    found = regimes(bench(walk(600, 2, drift=-0.003)))
    assert (found.status, found.number) == (Status.FAIL, None)
    assert "no profit" in found.message


@pytest.mark.parametrize("n", [1, 60, 100])
def test_too_few_days_tell_no_regimes(n: int) -> None:
    found = regimes(bench(walk(n, 2, drift=0.003)))
    assert (found.status, found.number, found.limit, found.unit) == (Status.FAIL, n, 121, "days")


def test_hours_are_counted_by_their_days() -> None:
    found = regimes(bench(walk(24 * 200, 2, drift=0.0004, volatility=0.002, timeframe="1h")))
    assert sum(found.details[name]["days"] for name in ("bull", "bear", "sideways")) == 200 - 91


def test_the_index_has_the_last_close_of_each_symbol_by_the_evening() -> None:
    hours = walk(48, 1, timeframe="1h")
    late = hours[30:]
    ends = hours.open_ms[[23, 47]]
    found = index_closes([hours, late], ends)
    assert found[:, 0].tolist() == [hours.close[23], hours.close[47]]
    assert np.isnan(found[0, 1])
    assert found[1, 1] == late.close[-1]
