"""Momentum: its two thresholds, its age and its bypass, each exactly at its number and one step beside."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from trader_cli.model.bars import Bars, Floats
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Signals, compute, indicators
from trader_cli.strategy.loader import Library

LIBRARY = Library(None, Path(__file__).resolve().parents[2] / "strategies")
DAY_MS = 86_400_000
# Short windows; an age that plays no part, and a bypass out of reach, unless a test asks.
PLAIN: dict[str, object] = {"fast": 2, "slow": 20, "min_age": 0, "bypass_pct": 100_000.0}


def _momentum(close: Floats, **params: object) -> Signals:
    stamps = np.arange(len(close), dtype=np.int64) * DAY_MS
    bars = Bars("X/USD", "x", Timeframe(DAY_MS), stamps, close, close, close, close, np.ones(len(close)))
    return compute(LIBRARY.load("momentum").cls(**(PLAIN | params)), bars)


def _rise(count: int = 60, *, drift: float = 0.002) -> Floats:
    return 100.0 * np.cumprod(1.0 + drift + np.where(np.arange(count) % 3 == 0, -0.008, 0.006))


def _t(close: Floats, slow: int = 20) -> Floats:
    returns = indicators.returns(close)
    return indicators.sma(returns, slow) / (indicators.std(returns, slow, ddof=1) / math.sqrt(slow))


def _certain_that_makes(t: float, confidence: float) -> float:
    """The `certain_t` with which this t-statistic is exactly this confidence."""
    certain = t / confidence
    while t / certain < confidence:
        certain = float(np.nextafter(certain, 0.0))
    while t / certain > confidence:
        certain = float(np.nextafter(certain, 100.0))
    assert t / certain == confidence
    return certain


@pytest.mark.req("R2.1")
def test_it_buys_at_a_confidence_of_exactly_0_6_and_not_a_hair_below() -> None:
    close = _rise()[:41]
    t = float(_t(close)[40])
    certain = _certain_that_makes(t, 0.6)
    # A dearer certainty by one step is a confidence below 0.6.
    beside = certain
    while t / beside >= 0.6:
        beside = float(np.nextafter(beside, 100.0))
    for certain_t, target in ((certain, 1.0), (beside, 0.0)):
        # Only the last bar may buy: before it the symbol is too young.
        said = _momentum(close, certain_t=certain_t, min_age=41)
        assert said.target[40] == target
        assert said.confidence is not None
        assert said.confidence[40] == (0.6 if target else np.nextafter(0.6, 0.0))


@pytest.mark.req("R2.1")
def test_below_a_confidence_of_exactly_0_3_it_has_no_opinion() -> None:
    close = _rise()[:41]
    t = float(_t(close)[40])
    certain = _certain_that_makes(t, 0.3)
    beside = certain
    while t / beside >= 0.3:
        beside = float(np.nextafter(beside, 100.0))
    # At 0.3 it looks, and is flat since it does not act; below it says nothing.
    assert _momentum(close, certain_t=certain, min_age=41).target[40] == 0.0
    assert np.isnan(_momentum(close, certain_t=beside, min_age=41).target[40])


@pytest.mark.req("R2.1")
def test_what_it_holds_it_holds_with_an_opinion_then_without_one_until_the_trend_is_below_zero() -> None:
    fall = _rise()[-1] * np.cumprod(np.full(30, 0.995))
    close = np.concatenate((_rise(), fall))
    said, t = _momentum(close), _t(close)
    confidence = np.clip(t / 3.0, 0.0, 1.0)
    bought = int(np.flatnonzero(said.target == 1.0)[0])
    ended = bought + int(np.flatnonzero(t[bought:] < 0.0)[0])
    after = np.arange(len(close)) >= bought
    held = after & (np.arange(len(close)) < ended)
    np.testing.assert_array_equal(said.target[held & (confidence >= 0.3)], 1.0)
    unsure = held & (confidence < 0.3)
    assert unsure.any()
    assert np.isnan(said.target[unsure]).all()
    assert said.target[ended] == 0.0


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("min_age", "target"), [(41, 1.0), (42, 0.0)])
def test_a_symbol_may_be_bought_from_its_age_on(min_age: int, target: float) -> None:
    said = _momentum(_rise(drift=0.01)[:41], min_age=min_age)
    assert said.target[40] == target
    assert not said.target[:40].any()


@pytest.mark.req("R2.1")
def test_the_default_age_is_200_bars() -> None:
    close = _rise(260, drift=0.01)
    said = _momentum(close, slow=100, min_age=200)
    assert LIBRARY.load("momentum").cls().params["min_age"] == 200
    assert not said.target[:199].any()
    assert said.target[199] == 1.0


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("last", "target"), [(600.0, 1.0), (np.nextafter(600.0, 0.0), 0.0)])
def test_a_move_of_exactly_500_percent_is_bought_at_any_age_and_not_a_hair_less(last: float, target: float) -> None:
    # Five bars old: fast 2, so that the closes of 2 and more bars ago count: 100 is the lowest of them, 600 is +500 %.
    said = _momentum(np.array([120.0, 100.0, 150.0, 300.0, last]), bypass_pct=500.0, min_age=200)
    assert LIBRARY.load("momentum").cls().params["bypass_pct"] == 500.0
    assert said.target.tolist() == [0.0, 0.0, 0.0, 0.0, target]
    assert said.confidence is not None
    # No confidence is known at that age; what is acted on states that it is.
    assert said.confidence[4] == 0.6 if target else np.isnan(said.confidence[4])


@pytest.mark.req("R2.1")
def test_the_bypass_looks_back_from_fast_to_slow_bars_and_no_further() -> None:
    quiet = np.full(30, 300.0)
    for ago, target in ((1, 0.0), (2, 1.0), (20, 1.0), (21, 0.0)):
        close = np.append(quiet, 601.0)
        close[30 - ago] = 100.0
        said = _momentum(close, bypass_pct=500.0, min_age=1000)
        assert said.target[30] == target, ago


@pytest.mark.req("R2.1")
def test_the_bypass_buys_a_rise_of_no_confidence_but_not_one_that_has_turned() -> None:
    # 100 to 700 by way of wild bars: its t-statistic stays below 1.8.
    wild = np.array([100.0] * 20 + [400.0, 90.0, 500.0, 80.0, 300.0, 700.0])
    for certain_t, below in ((3.0, 0.6), (10.0, 0.3)):
        said = _momentum(wild, bypass_pct=500.0, certain_t=certain_t)
        assert _t(wild)[25] / certain_t < below
        assert said.target[25] == 1.0
    # Two crashes of 95 % weigh more than the 11 % a bar since then: below zero, and bought all the same.
    fallen = np.concatenate(([40_000.0, 40_000.0, 2_000.0, 100.0], 100.0 * 1.105 ** np.arange(1, 19)))
    assert _t(fallen)[21] < 0.0
    assert _momentum(fallen, bypass_pct=500.0).target[21] == 1.0
    # 700 is +600 % on the 100 of four bars ago; three bars ago it was at 800, or at 690.
    for before, target in ((800.0, 0.0), (690.0, 1.0)):
        turned = np.append(np.full(25, 300.0), [100.0, before, 500.0, 500.0, 700.0])
        assert _momentum(turned, fast=3, bypass_pct=500.0, min_age=1000).target[29] == target


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(
    ("quiet", "min_age"), [(2, 200), (2, 0), (40, 200)], ids=["both unknown", "confidence unknown", "too young"]
)
def test_one_bought_by_the_bypass_before_its_time_is_let_go_when_it_no_longer_rises(quiet: int, min_age: int) -> None:
    close = np.append(np.full(quiet, 100.0), [300.0, 700.0, 720.0, 740.0, 730.0, 735.0])
    # Over two bars: 720 -> 730 is still up, 740 -> 735 is down.
    said = _momentum(close, bypass_pct=500.0, min_age=min_age)
    assert said.target[quiet - 1 :].tolist() == [0, 0, 1, 1, 1, 1, 0]


@pytest.mark.req("R2.1")
def test_confidence_alone_does_not_buy_what_falls_over_the_short_window() -> None:
    close = np.append(_rise(40, drift=0.01), _rise(40, drift=0.01)[-1] * np.array([0.999, 0.998]))
    assert _t(close)[41] > 1.8
    assert _momentum(close, min_age=42).target[41] == 0.0


def test_a_fast_window_above_the_slow_one_only_turns_the_bypass_round() -> None:
    said = _momentum(np.append(np.full(30, 100.0), 601.0), fast=30, slow=20, bypass_pct=500.0, min_age=1000)
    assert said.target[30] == 1.0
