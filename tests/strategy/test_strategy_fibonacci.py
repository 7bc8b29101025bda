"""Fractal swings, the levels of the last up-swing, and what they may protect."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from trader_cli.errors import DataError, StrategyError
from trader_cli.model.bars import Bars, Floats
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Param, Strategy, indicators
from trader_cli.strategy.fibonacci import EXTENSIONS, RETRACEMENTS, FibLevels, Swings, levels, protect, swings
from trader_cli.strategy.laws import check_lookahead
from trader_cli.strategy.signals import Signals

pytestmark = pytest.mark.req("R4.3")

NAN = np.nan
HOUR_MS = 3_600_000


def _bars(high: list[float], low: list[float], close: list[float]) -> Bars:
    stamps = np.arange(len(close), dtype=np.int64) * HOUR_MS
    columns = (np.array(values, dtype=np.float64) for values in (close, high, low, close, [1.0] * len(close)))
    return Bars("X/USD", "x", Timeframe(HOUR_MS), stamps, *columns)


def _walk(count: int, seed: int, decimals: int = 8, volatility: float = 0.02) -> Bars:
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.cumprod(1.0 + rng.normal(0.0, volatility, count).clip(-0.5, 0.5)), decimals) + 1.0
    opens = np.concatenate((close[:1], close[:-1]))
    high = np.round(np.maximum(opens, close) * (1.0 + rng.exponential(volatility / 2, count)), decimals)
    low = np.round(np.minimum(opens, close) / (1.0 + rng.exponential(volatility / 2, count)), decimals)
    high, low = np.maximum(high, np.maximum(opens, close)), np.minimum(low, np.minimum(opens, close))
    stamps = np.arange(count, dtype=np.int64) * HOUR_MS
    return Bars("X/USD", "x", Timeframe(HOUR_MS), stamps, opens, high, low, close, np.ones(count))


WALKS = some.builds(
    _walk,
    count=some.integers(0, 200),
    seed=some.integers(0, 2**32 - 1),
    decimals=some.sampled_from([0, 1, 8]),
    volatility=some.sampled_from([0.0, 0.01, 0.2]),
)
WINGS = some.integers(1, 4)


def _rows(found: Swings) -> list[tuple[int, int, float, int]]:
    columns = (found.bar.tolist(), found.known.tolist(), found.price.tolist(), found.kind.tolist())
    return list(zip(*columns, strict=True))


def _same(one: FibLevels, other: FibLevels) -> bool:
    return all(
        getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in ("stop", "take", "low", "high")
    )


class Fibonacci(Strategy):
    """Hold always; say every column of the levels in a column of the signals."""

    wing = Param(2, low=1, high=10)
    ends = Param(0, low=0, high=1)

    def targets(self, bars: Bars) -> Signals:
        found = levels(bars, swings(bars.high, bars.low, self.wing), self.wing, 3, 0.5)
        if self.ends:
            return Signals(target=np.ones(len(bars)), limit=found.low, trigger=found.high)
        held = np.where(np.arange(len(bars)) % 40 < 30, 1.0, 0.0)
        filled = protect(Signals(target=held), found)
        return replace(filled, limit=found.stop, trigger=found.take)


@pytest.mark.parametrize("params", [{"wing": 1}, {"wing": 2}, {"wing": 5}, {"ends": 1}], ids=str)
@pytest.mark.parametrize("decimals", [0, pytest.param(8, marks=pytest.mark.deep)])
def test_no_level_looks_ahead_at_60_cuts_with_poisoned_futures(params: dict[str, object], decimals: int) -> None:
    assert check_lookahead(Fibonacci(**params), _walk(600, seed=5, decimals=decimals), cuts=60, seed=1) == []


@given(bars=WALKS, wing=WINGS)
def test_what_is_known_at_a_cut_is_known_without_what_comes_after_it(bars: Bars, wing: int) -> None:
    whole = _rows(swings(bars.high, bars.low, wing))
    for cut in range(0, len(bars) + 1, 7):
        known = _rows(swings(bars.high[:cut], bars.low[:cut], wing))
        assert known == [row for row in whole if row[1] < cut]


@given(bars=WALKS, wing=WINGS)
def test_every_swing_stands_above_or_below_its_neighbours_and_is_known_wing_bars_after_them(
    bars: Bars, wing: int
) -> None:
    found = swings(bars.high, bars.low, wing)
    assert found.known.tolist() == sorted(found.known.tolist())
    for bar, known, price, kind in _rows(found):
        values = kind * (bars.high if kind > 0 else bars.low)
        last = known - wing
        assert (values[bar : last + 1] == kind * price).all()
        assert bar >= wing
        assert (values[bar - wing : bar] < kind * price).all()
        assert (values[last + 1 : known + 1] < kind * price).all()


@given(bars=WALKS, wing=WINGS)
def test_no_swing_is_missed(bars: Bars, wing: int) -> None:
    # The definition again, slow and from the other end: every bar strictly above all its neighbours.
    found = {(bar, kind) for bar, _, _, kind in _rows(swings(bars.high, bars.low, wing))}
    for kind, values in ((1, bars.high), (-1, -bars.low)):
        for bar in range(wing, len(bars) - wing):
            around = np.concatenate((values[bar - wing : bar], values[bar + 1 : bar + wing + 1]))
            if (around < values[bar]).all():
                assert (bar, kind) in found


@given(bars=WALKS, wing=WINGS, period=some.integers(1, 5), multiple=some.sampled_from([0.0, 0.5, 3.0]))
def test_a_stop_is_below_the_close_and_a_target_above_it(bars: Bars, wing: int, period: int, multiple: float) -> None:
    found = levels(bars, swings(bars.high, bars.low, wing), wing, period, multiple)
    stated = ~np.isnan(found.stop)
    assert (found.stop[stated] < bars.close[stated]).all()
    assert (found.stop[stated] > 0.0).all()
    stated = ~np.isnan(found.take)
    assert (found.take[stated] > bars.close[stated]).all()
    up = ~np.isnan(found.low)
    assert (found.low[up] < found.high[up]).all()
    assert (np.isnan(found.high) == ~up).all()
    assert np.isnan(found.take[~up]).all()
    assert np.isnan(found.stop[~up]).all()


@given(bars=WALKS, wing=WINGS)
def test_once_an_up_swing_is_known_there_is_always_one(bars: Bars, wing: int) -> None:
    known = ~np.isnan(levels(bars, swings(bars.high, bars.low, wing), wing, 2, 1.0).low)
    assert (known == np.maximum.accumulate(known)).all() if len(known) else True


@given(bars=WALKS, wing=WINGS, seed=some.integers(0, 99), cut=some.integers(0, 200))
def test_kept_swings_give_the_same_bits_in_any_order_and_for_fewer_bars(
    bars: Bars, wing: int, seed: int, cut: int
) -> None:
    fresh = swings(bars.high, bars.low, wing)
    order = np.random.default_rng(seed).permutation(len(fresh))
    # As they come back from a table: values only, other memory, other order.
    columns = [getattr(fresh, name).tolist() for name in ("bar", "known", "price", "kind")]
    kept = Swings(
        *(np.array([values[row] for row in order], dtype=kind) for values, kind in zip(columns, "qqdq", strict=True))
    )
    whole = levels(bars, fresh, wing, 3, 0.5)
    assert _same(levels(bars, kept, wing, 3, 0.5), whole)
    first = FibLevels(whole.stop[:cut], whole.take[:cut], whole.low[:cut], whole.high[:cut], whole.close[:cut])
    assert _same(levels(bars[:cut], kept, wing, 3, 0.5), first)


def _slow_swing(found: Swings, bar: int) -> tuple[float, float]:
    """The up-swing known at a bar, from its definition, over lists."""
    leg, start, joined = (NAN, NAN), None, True
    for at, known, price, kind in _rows(found):
        if known > bar:
            break
        if kind < 0 and (joined or start is None or price < start[1]):
            start, joined = (at, price), False
        elif kind > 0 and start is not None and at > start[0] and price > start[1]:
            leg = (leg[0], max(leg[1], price)) if joined else (start[1], price)
            joined = True
    return leg


@given(bars=WALKS, wing=WINGS)
def test_levels_are_those_of_the_definition(bars: Bars, wing: int) -> None:
    found = swings(bars.high, bars.low, wing)
    got = levels(bars, found, wing, 2, 0.5)
    ranges = indicators.atr(bars.high, bars.low, bars.close, 2)
    for bar in range(len(bars)):
        low, high = _slow_swing(found, bar)
        np.testing.assert_array_equal((got.low[bar], got.high[bar]), (low, high))
        close = bars.close[bar]
        if not close > low:
            assert math.isnan(got.stop[bar])
            assert math.isnan(got.take[bar])
            continue
        inner = [low, high, *(high - ratio * (high - low) for ratio in RETRACEMENTS)]
        outer = [*inner, *(low + ratio * (high - low) for ratio in EXTENSIONS)]
        stop = max(rung for rung in inner if rung < close) - 0.5 * ranges[bar]
        np.testing.assert_array_equal(got.stop[bar], stop if stop > 0.0 else NAN)
        np.testing.assert_array_equal(got.take[bar], min((rung for rung in outer if rung > close), default=NAN))


# The up-swing of the tables: low 9 at bar 1, high 19 at bar 3, one bar on each side. Its height is 10, its rungs
# 9, 11.14, 12.82, 14, 15.18, 16.64, 19 and, above it, 21.72 and 25.18.
HIGHS = [11.0, 12.0, 15.0, 19.0, 17.0]
LOWS = [10.0, 9.0, 11.0, 14.0, 15.0]
CLOSES = [10.5, 11.0, 14.0, 18.0, 16.0]


def test_a_table_of_bars_swings_are_known_one_wing_later() -> None:
    assert _rows(swings(HIGHS, LOWS, 1)) == [(1, 2, 9.0, -1), (3, 4, 19.0, 1)]
    # Two bars on each side: no bar has them lower, the high is one bar short at its right.
    assert _rows(swings(HIGHS, LOWS, 2)) == []
    assert _rows(swings([*HIGHS, 16.0], [*LOWS, 15.5], 2)) == [(3, 5, 19.0, 1)]


def test_a_table_of_bars_levels_begin_when_the_high_is_confirmed() -> None:
    bars = _bars(HIGHS, LOWS, CLOSES)
    found = levels(bars, swings(bars.high, bars.low, 1), 1, 1, 0.5)
    np.testing.assert_array_equal(found.low, [NAN, NAN, NAN, NAN, 9.0])
    np.testing.assert_array_equal(found.high, [NAN, NAN, NAN, NAN, 19.0])
    # Bar 4 closes at 16, between 15.18 and 16.64; its true range is 18 - 15 = 3, half of it 1.5.
    np.testing.assert_allclose(found.stop, [NAN, NAN, NAN, NAN, 15.18 - 1.5], rtol=1e-14)
    np.testing.assert_allclose(found.take, [NAN, NAN, NAN, NAN, 16.64], rtol=1e-14)


@pytest.mark.parametrize(
    ("close", "below", "above"),
    [
        pytest.param(16.0, 15.18, 16.64, id="between two rungs"),
        pytest.param(14.0, 12.82, 15.18, id="on a rung: the next below, the next above"),
        pytest.param(9.5, 9.0, 11.14, id="above the low"),
        pytest.param(18.0, 16.64, 19.0, id="below the high"),
        pytest.param(19.0, 16.64, 21.72, id="on the high"),
        pytest.param(20.0, 19.0, 21.72, id="above the high, the old high holds"),
        pytest.param(22.0, 19.0, 25.18, id="an extension is a target, not a floor"),
        pytest.param(30.0, 19.0, NAN, id="above all"),
        pytest.param(9.0, NAN, NAN, id="on the low: broken"),
        pytest.param(8.0, NAN, NAN, id="below the low: broken"),
    ],
)
def test_the_nearest_rungs_of_each_close(close: float, below: float, above: float) -> None:
    # The swings are given, so that the sixth bar makes none. It has no range of its own: its true range is the way
    # from the close before, 16.
    bars = _bars([*HIGHS, close], [*LOWS, close], [*CLOSES, close])
    given_swings = swings(HIGHS, LOWS, 1)
    found = levels(bars, given_swings, 1, 1, 0.25)
    stop = below - 0.25 * abs(close - 16.0)
    np.testing.assert_allclose((found.stop[5], found.take[5]), (stop, above), rtol=1e-14)


def test_a_stop_that_would_be_at_0_or_below_is_none() -> None:
    bars = _bars(HIGHS, LOWS, CLOSES)
    found = levels(bars, swings(HIGHS, LOWS, 1), 1, 1, 5.1)  # 15.18 - 5.1 * 3 < 0
    assert np.isnan(found.stop).all()
    assert found.take[4] == pytest.approx(16.64)


def test_without_a_range_there_is_no_stop_but_a_target() -> None:
    bars = _bars(HIGHS, LOWS, CLOSES)
    found = levels(bars, swings(HIGHS, LOWS, 1), 1, 6, 0.5)
    assert np.isnan(found.stop).all()
    assert found.take[4] == pytest.approx(16.64)


def _turning(points: list[float]) -> Bars:
    # Each point is a bar of its own with half a unit above and below; one bar between two points lies half way.
    path: list[float] = []
    for one, other in itertools.pairwise(points):
        path += [one, (one + other) / 2.0]
    path.append(points[-1])
    return _bars([price + 0.5 for price in path], [price - 0.5 for price in path], path)


def _last_swing(points: list[float]) -> tuple[float, float]:
    bars = _turning(points)
    found = levels(bars, swings(bars.high, bars.low, 1), 1, 1, 0.0)
    return float(found.low[-1]), float(found.high[-1])


def test_the_last_confirmed_up_swing_counts() -> None:
    # 20 falls to 10, rises to 30, falls to 24, rises to 40, falls: the last goes from 23.5 to 40.5.
    assert _last_swing([20, 10, 30, 24, 40, 35]) == (23.5, 40.5)
    # As long as the 40 is not confirmed, the one before it does.
    assert _last_swing([20, 10, 30, 24, 40]) == (9.5, 30.5)


def test_a_swing_low_alone_does_not_end_the_up_swing_before() -> None:
    assert _last_swing([20, 10, 30, 5, 7]) == (9.5, 30.5)


def test_in_a_falling_market_the_up_swing_is_the_last_bounce() -> None:
    assert _last_swing([60, 40, 50, 20, 30, 10]) == (19.5, 30.5)


def test_no_up_swing_without_a_low_before_the_high() -> None:
    assert all(math.isnan(end) for end in _last_swing([10, 30, 20, 25]))


def test_a_bar_that_is_high_and_low_ends_one_swing_and_begins_the_next() -> None:
    # Bar 1 is a swing low at 8, bar 3 spans 5 to 30, bar 5 is a swing high at 25.
    #        0     1     2     3     4     5     6
    highs = [12.0, 11.0, 14.0, 30.0, 20.0, 25.0, 20.0]
    lows = [10.0, 8.0, 9.0, 5.0, 12.0, 18.0, 15.0]
    bars = _bars(highs, lows, [11.0, 9.0, 13.0, 15.0, 16.0, 20.0, 16.0])
    found = levels(bars, swings(highs, lows, 1), 1, 1, 0.0)
    np.testing.assert_array_equal(found.low, [NAN, NAN, NAN, NAN, 8.0, 8.0, 5.0])
    np.testing.assert_array_equal(found.high, [NAN, NAN, NAN, NAN, 30.0, 30.0, 25.0])
    # Kept the other way round, the bar's high still comes before its low.
    fresh = swings(highs, lows, 1)
    turned = Swings(fresh.bar[::-1], fresh.known[::-1], fresh.price[::-1], fresh.kind[::-1])
    assert _same(levels(bars, turned, 1, 1, 0.0), found)


def _highs(values: list[float], wing: int) -> list[tuple[int, int]]:
    found = swings(values, [0.0] * len(values), wing)
    return [(bar, known) for bar, known, _, kind in _rows(found) if kind > 0]


def test_neighbours_of_one_high_are_one_top_known_after_the_last_of_them() -> None:
    assert _highs([1.0, 2.0, 5.0, 5.0, 5.0, 3.0, 2.0], 2) == [(2, 6)]
    assert _highs([1.0, 2.0, 5.0, 5.0, 5.0, 3.0], 2) == []


def test_a_pause_in_a_rise_is_no_top() -> None:
    assert _highs([1.0, 2.0, 5.0, 5.0, 5.0, 6.0, 7.0], 2) == []


def test_two_equal_highs_nearer_than_the_wing_are_no_top() -> None:
    assert _highs([1.0, 2.0, 5.0, 4.0, 5.0, 2.0, 1.0], 2) == []
    assert _highs([1.0, 2.0, 5.0, 4.0, 3.0, 5.0, 2.0, 1.0], 2) == [(2, 4), (5, 7)]


def test_a_market_that_stands_still_has_no_swing() -> None:
    assert len(swings([5.0] * 50, [5.0] * 50, 2)) == 0
    # Equal values up to the first or the last bar are no top either: one side is missing.
    assert _highs([5.0, 5.0, 4.0, 3.0], 1) == []
    assert _highs([3.0, 4.0, 5.0, 5.0], 1) == []


@pytest.mark.parametrize("count", range(6))
def test_a_series_shorter_than_one_fractal_has_no_swings_and_no_levels(count: int) -> None:
    bars = _walk(count, seed=3)
    found = swings(bars.high, bars.low, 3)
    assert len(found) == 0
    got = levels(bars, found, 3, 14, 2.0)
    assert got.stop.shape == got.take.shape == got.low.shape == got.high.shape == (count,)
    assert all(np.isnan(each).all() for each in (got.stop, got.take, got.low, got.high))


def test_swings_touch_no_nan_and_hold_none() -> None:
    bars = _walk(400, seed=9)
    high, low = bars.high.copy(), bars.low.copy()
    holes = [50, 51, 200, 399]
    high[holes] = low[holes] = NAN
    found = swings(high, low, 2)
    assert len(found) > 20
    assert np.isfinite(found.price).all()
    for hole in holes:
        assert not ((found.bar >= hole - 2) & (found.bar <= hole + 2)).any()


def test_swings_are_whole_numbers_and_prices() -> None:
    found = swings(HIGHS, LOWS, 1)
    assert [found.bar.dtype, found.known.dtype, found.kind.dtype] == [np.int64] * 3
    assert found.price.dtype == np.float64


@pytest.mark.parametrize("wing", [0, -1, 1.5])
def test_a_wing_that_is_no_number_of_bars_is_refused(wing: float) -> None:
    with pytest.raises(StrategyError, match="it must be a whole number from 1 up"):
        swings(HIGHS, LOWS, wing)  # type: ignore[arg-type]


@pytest.mark.parametrize("multiple", [-0.1, math.nan, math.inf])
def test_a_multiple_below_0_is_refused(multiple: float) -> None:
    bars = _bars(HIGHS, LOWS, CLOSES)
    with pytest.raises(StrategyError, match="`atr_multiple` is"):
        levels(bars, swings(HIGHS, LOWS, 1), 1, 1, multiple)


def _swings(bar: int, known: int, price: float, kind: int) -> Swings:
    return Swings(np.array([bar]), np.array([known]), np.array([price]), np.array([kind]))


@pytest.mark.parametrize(
    ("kept", "wing", "message"),
    [
        pytest.param(_swings(1, 2, 9.25, -1), 1, "is at 9.25, the bar says 9.0", id="another price"),
        pytest.param(_swings(3, 4, 19.0, -1), 1, "is at 19.0, the bar says 14.0", id="a high called a low"),
        pytest.param(_swings(3, 4, 19.0, 1), 2, "was not found with 2 bars on each side", id="another wing"),
        pytest.param(_swings(3, 3, 19.0, 1), 1, "known at 3, was not found", id="known before it is"),
        pytest.param(_swings(-1, 4, 17.0, 1), 1, "swing at bar -1", id="no such bar"),
    ],
)
def test_kept_swings_of_other_bars_are_refused(kept: Swings, wing: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        levels(_bars(HIGHS, LOWS, CLOSES), kept, wing, 1, 0.5)


def _levels(stop: list[float], take: list[float], close: list[float]) -> FibLevels:
    columns: list[Floats] = [np.array(values, dtype=np.float64) for values in (stop, take, close, close, close)]
    return FibLevels(*columns)


def test_protect_fills_while_it_holds_a_stop_only_rises_and_a_target_stays() -> None:
    # bar:      0     1     2     3     4     5     6     7
    target = [0.0, 1.0, 1.0, NAN, 0.5, 0.0, 1.0, 1.0]
    close = [10.0, 10.0, 10.5, 9.5, 11.5, 11.5, 11.0, 10.0]
    stop = [8.0, 9.0, 9.2, 8.5, 10.0, 10.0, NAN, 9.4]
    take = [11.0, 12.0, 11.0, 10.5, 13.0, 13.0, NAN, 10.5]
    filled = protect(Signals(target=np.array(target)), _levels(stop, take, close))
    # Bars 1 to 4 are one holding: its stop 9, 9.2, stays through bar 3, 10; its target the 12 of its first bar. Bar 6
    # holds again and knows no level, bar 7 does.
    np.testing.assert_array_equal(filled.stop, [NAN, 9.0, 9.2, 9.2, 10.0, NAN, NAN, 9.4])
    np.testing.assert_array_equal(filled.take, [NAN, 12.0, 12.0, 12.0, 12.0, NAN, NAN, 10.5])


def test_protect_begins_anew_where_the_close_is_beyond_a_level() -> None:
    # Bar 1 closes at 9, on the stop: who still wants to hold gets the rungs of that bar. Bar 3 closes on the target.
    close = [10.0, 9.0, 10.0, 12.0]
    filled = protect(Signals(target=np.ones(4)), _levels([9.0, 8.0, NAN, 11.0], [12.0, 12.0, 12.0, 15.0], close))
    np.testing.assert_array_equal(filled.stop, [9.0, 8.0, 8.0, 11.0])
    np.testing.assert_array_equal(filled.take, [12.0, 12.0, 12.0, 15.0])


def test_protect_leaves_a_strategys_own_level_standing_until_it_lets_go() -> None:
    # Silence after a level of its own means that it stays: the 9.9 of bar 1 protects bars 2 and 3 too.
    target = np.array([1.0, 1.0, 1.0, NAN, 0.0, 1.0])
    own = np.array([NAN, 9.9, NAN, NAN, NAN, NAN])
    found = _levels([9.0] * 6, [12.0] * 6, [10.0] * 6)
    filled = protect(Signals(target=target, stop=own), found)
    np.testing.assert_array_equal(filled.stop, [9.0, 9.9, NAN, NAN, NAN, 9.0])
    np.testing.assert_array_equal(filled.take, [12.0, 12.0, 12.0, 12.0, NAN, 12.0])


@given(bars=WALKS, seed=some.integers(0, 2**32 - 1))
def test_protect_overrides_nothing_and_what_it_fills_lies_around_the_close(bars: Bars, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = len(bars)
    target = rng.choice([0.0, 0.5, 1.0, NAN], count)
    own_stop = np.where(rng.random(count) < 0.05, bars.close * 0.9, NAN)
    own_take = np.where(rng.random(count) < 0.05, bars.close * 1.1, NAN)
    confidence = rng.random(count)
    said = Signals(target=target, confidence=confidence, stop=own_stop, take=own_take)
    filled = protect(said, levels(bars, swings(bars.high, bars.low, 1), 1, 2, 0.5))
    assert filled.target is said.target
    assert filled.confidence is said.confidence
    assert filled.stop is not None
    assert filled.take is not None
    for own, got, sign in ((own_stop, filled.stop, -1.0), (own_take, filled.take, 1.0)):
        stated = ~np.isnan(own)
        np.testing.assert_array_equal(got[stated], own[stated])
        new = ~np.isnan(got) & ~stated
        assert (sign * got[new] > sign * bars.close[new]).all()


def test_protect_refuses_levels_of_other_bars() -> None:
    with pytest.raises(StrategyError, match="different lengths"):
        protect(Signals(target=np.ones(3)), _levels([1.0], [2.0], [1.5]))


def test_the_ratios_are_powers_of_the_golden_ratio_and_the_half() -> None:
    phi = (1.0 + math.sqrt(5.0)) / 2.0
    expected = [phi**-3, phi**-2, 0.5, phi**-1, math.sqrt(1.0 / phi)]
    assert tuple(round(ratio, 3) for ratio in expected) == RETRACEMENTS
    assert (round(math.sqrt(phi), 3), round(phi, 3)) == EXTENSIONS


SCRIPT = """
import hashlib, sys
sys.path.insert(0, "tests/strategy")
from test_strategy_fibonacci import Fibonacci, _walk
from trader_cli.compiler import INTERPRET
from trader_cli.strategy.base import compute
whole = hashlib.sha256()
for decimals in (0, 8):
    for params in ({"wing": 1}, {"wing": 3}, {"ends": 1}):
        said = compute(Fibonacci(**params), _walk(700, seed=2, decimals=decimals))
        for column in (said.stop, said.take, said.limit, said.trigger):
            whole.update(b"none" if column is None else column.tobytes())
print(INTERPRET, whole.hexdigest())
"""


def test_compiled_and_interpreted_levels_have_the_same_bits() -> None:
    said: list[list[str]] = []
    for interpret in ("0", "1"):
        environment = {**os.environ, "TRADER_INTERPRET": interpret}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            cwd=Path(__file__).resolve().parents[2],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(done.stdout.split())
    assert [each[0] for each in said] == ["False", "True"]
    assert said[0][1] == said[1][1]
