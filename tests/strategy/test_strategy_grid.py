"""The grid: its ladder worked by hand bar by bar, and the law that whoever follows it holds what it believes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from trader_cli.errors import StrategyError
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Ladder, Signals, compute, earlier, indicators, ladder
from trader_cli.strategy.loader import Library

LIBRARY = Library(None, Path(__file__).resolve().parents[2] / "strategies")
HOUR_MS = 3_600_000
NAN = float("nan")
NONE = (0.0, NAN, NAN, NAN, NAN)


def _bars(rows: list[tuple[float, float, float]]) -> Bars:
    """Hourly bars from (high, low, close); the open plays no part."""
    high, low, close = (np.array(column, dtype=np.float64) for column in zip(*rows, strict=True))
    stamps = np.arange(len(rows), dtype=np.int64) * HOUR_MS
    return Bars("X/USD", "x", Timeframe(HOUR_MS), stamps, close, high, low, close, np.ones(len(rows)))


def _standing(bars: Bars, *, bottom: float = 100.0, top: float = 110.0, stop: float = 98.0) -> Ladder:
    """A ladder of five lines, 108 106 104 102 100, that may begin at any bar."""
    n = len(bars)
    return ladder(bars, np.ones(n, dtype=bool), np.full(n, bottom), np.full(n, top), np.full(n, stop), 5)


def _check(said: Ladder, expected: list[tuple[float, float, float, float, float]]) -> None:
    for row, (one, wanted) in enumerate(zip(zip(*said, strict=True), expected, strict=True)):
        np.testing.assert_allclose(one, wanted, rtol=1e-15, err_msg=f"bar {row}")


@pytest.mark.req("R2.1")
def test_the_holding_rises_line_by_line_as_the_price_falls_and_falls_as_it_rises() -> None:
    # Lines 108 106 104 102 100, each a fifth; stop 98.
    table = [
        # high, low, close          target limit take keep stop
        ((105.5, 104.5, 105.0), (0.2, 104.0, NAN, NAN, 98.0)),  # the first line below 105 rests
        ((105.5, 104.0, 104.5), (0.4, 102.0, 106.0, 0.0, 98.0)),  # touched: one step held, sold one line up
        ((105.0, 101.9, 102.5), (0.6, 100.0, 104.0, 0.2, 98.0)),  # the second at 102, sold at 104
        ((104.0, 102.1, 103.5), (0.4, 102.0, 106.0, 0.0, 98.0)),  # 104 touched: one left
        ((106.2, 101.5, 105.0), (0.6, 100.0, 104.0, 0.2, 98.0)),  # 102 and 106 touched: bought, not sold
        ((106.0, 105.0, 105.5), (0.4, 102.0, 106.0, 0.0, 98.0)),  # above 104 and 106: one sale a bar
        ((106.0, 105.0, 105.8), (0.2, 104.0, NAN, NAN, 98.0)),  # all sold: a new ladder below 105.8
        ((101.0, 100.1, 100.5), (0.4, 102.0, 106.0, 0.0, 98.0)),  # fell through three lines: one order, one step
        ((101.5, 100.2, 101.0), (0.6, 100.0, 104.0, 0.2, 98.0)),  # 102 rested above the price: bought
        ((101.0, 100.0, 100.4), (0.6, NAN, 102.0, 0.4, 98.0)),  # the lowest line: no further buy
        ((100.9, 98.1, 99.9), NONE),  # closed below the range: out
        ((99.9, 99.0, 99.9), NONE),  # outside: nothing rests
        ((103.0, 99.9, 103.0), (0.2, 102.0, NAN, NAN, 98.0)),  # inside again: from the start
    ]
    _check(_standing(_bars([row for row, _ in table])), [wanted for _, wanted in table])


@pytest.mark.req("R2.1")
def test_from_the_top_all_lines_are_used_and_full_is_a_whole_position() -> None:
    rows = [
        (110.0, 109.0, 110.0),
        *[(price + 1.5, price, price + 1.0) for price in (108.0, 106.0, 104.0, 102.0, 100.0)],
    ]
    said = _standing(_bars(rows))
    np.testing.assert_allclose(said.target, [0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    np.testing.assert_allclose(said.limit, [108.0, 106.0, 104.0, 102.0, 100.0, NAN])
    np.testing.assert_allclose(said.take, [NAN, 110.0, 108.0, 106.0, 104.0, 102.0])
    np.testing.assert_allclose(said.keep, [NAN, 0.0, 0.2, 0.4, 0.6, 0.8])


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("low", "filled"), [(104.0, True), (np.nextafter(104.0, 200.0), False)])
def test_a_buy_is_filled_when_its_line_is_touched_and_not_a_hair_above(low: float, filled: bool) -> None:
    said = _standing(_bars([(105.5, 104.5, 105.0), (105.5, low, 105.0)]))
    assert said.target[1] == (0.4 if filled else 0.2)


@pytest.mark.parametrize(("high", "left"), [(106.0, 0.2), (np.nextafter(106.0, 0.0), 0.4)])
def test_a_sale_is_filled_when_its_line_is_touched_and_not_a_hair_below(high: float, left: float) -> None:
    said = _standing(_bars([(105.5, 104.5, 105.0), (105.0, 104.0, 104.5), (high, 104.5, 105.0)]))
    assert said.target[2] == left


def test_what_a_bar_bought_is_not_sold_in_it() -> None:
    # The first purchase at 104, and 106 in the same bar: no sale was resting yet.
    said = _standing(_bars([(105.5, 104.5, 105.0), (107.0, 104.0, 105.0)]))
    assert (said.target[1], said.take[1]) == (0.4, 106.0)


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("low", "out"), [(98.0, True), (np.nextafter(98.0, 200.0), False)])
def test_the_stop_ends_the_ladder_for_one_close_even_where_the_price_is_back(low: float, out: bool) -> None:
    rows = [(105.5, 104.5, 105.0), (105.0, 104.0, 104.5), (104.5, low, 104.5), (105.0, 104.5, 105.0)]
    said = _standing(_bars(rows))
    assert bool(said.target[2] == 0.0) is out
    # One close at 0 lets the engine's stop go; the next may begin again, with one step resting.
    assert bool(said.target[3] == 0.2) is out


@pytest.mark.parametrize("close", [110.5, 99.9])
def test_a_close_outside_the_lines_sells_what_is_held(close: float) -> None:
    rows = [(105.5, 104.5, 105.0), (105.0, 104.0, 104.5), (104.0, 102.0, 103.0), (max(close, 103.0), 99.0, close)]
    said = _standing(_bars(rows))
    assert said.target.tolist() == [0.2, 0.4, 0.6, 0.0]
    assert np.isnan([said.limit[3], said.take[3], said.keep[3], said.stop[3]]).all()


@pytest.mark.parametrize("close", [100.0, 110.0])
def test_a_close_at_the_edge_of_the_lines_is_still_inside(close: float) -> None:
    # Two steps held, of which the last bar sells one at most.
    rows = [
        (105.5, 104.5, 105.0),
        (105.0, 104.0, 104.5),
        (103.9, 102.0, 103.0),
        (max(close, 103.0), min(close, 102.5), close),
    ]
    assert _standing(_bars(rows)).target[3] > 0.0


def test_a_line_at_the_close_itself_does_not_rest_but_the_next_below() -> None:
    assert _standing(_bars([(105.0, 103.0, 104.0)])).limit.tolist() == [102.0]


def test_the_lowest_line_is_the_bottom_whatever_rounding_makes_of_it() -> None:
    bottom, top = 5.3, 13.7
    assert top - 5.0 * ((top - bottom) / 5.0) > bottom
    close = float(np.nextafter(bottom, top))
    said = _standing(_bars([(close, close, close)]), bottom=bottom, top=top, stop=NAN)
    assert (said.target.tolist(), said.limit.tolist()) == ([0.2], [bottom])


def test_a_price_that_leaves_the_range_while_nothing_is_held_meets_the_next_range_at_once() -> None:
    bars = _bars([(105.5, 104.5, 105.0), (111.5, 105.0, 111.0)])
    bottom, top = np.array([100.0, 102.0]), np.array([110.0, 112.0])
    said = ladder(bars, np.ones(2, dtype=bool), bottom, top, bottom - 2.0, 5)
    assert said.limit.tolist() == [104.0, 110.0]


def test_the_stop_of_a_ladder_that_has_ended_stops_no_other() -> None:
    bars = _bars([(105.5, 104.5, 105.0), (105.0, 97.0, 97.5), (97.5, 94.0, 95.0)])
    bottom, top = np.array([100.0, 100.0, 90.0]), np.array([110.0, 110.0, 100.0])
    said = ladder(bars, np.ones(3, dtype=bool), bottom, top, bottom - 2.0, 5)
    # Bar 1 fell through the stop at 98; bar 2 is below it too, and begins anew: lines 98 96 94.
    assert said.target.tolist() == [0.2, 0.0, 0.2]
    assert said.limit[2] == 94.0


@pytest.mark.req("R2.1")
def test_the_lines_follow_the_range_while_nothing_is_held_and_stand_still_while_it_is() -> None:
    # The range is 100..110, then 102..112, then 90..130. Lines of 102..112: 110 108 106 104 102, stop 99.
    bars = _bars([(105.5, 104.5, 105.0), (105.5, 104.5, 105.0), (105.0, 104.0, 104.5), (106.0, 105.0, 105.5)])
    bottom, top = np.array([100.0, 102.0, 90.0, 90.0]), np.array([110.0, 112.0, 130.0, 130.0])
    said = ladder(bars, np.ones(4, dtype=bool), bottom, top, np.array([98.0, 99.0, 50.0, 50.0]), 5)
    # Bar 2 buys at 104 and stays with lines 2 apart: next at 102, sale at 106, which bar 3 touches. All sold, bar 3
    # builds the new ladder: lines 122 114 106 98 90, the first below 105.5 is 98.
    np.testing.assert_allclose(said.limit, [104.0, 104.0, 102.0, 98.0])
    np.testing.assert_allclose(said.take, [NAN, NAN, 106.0, NAN])
    np.testing.assert_allclose(said.stop, [98.0, 99.0, 99.0, 50.0])


def test_begin_is_asked_only_while_nothing_is_held() -> None:
    bars = _bars([(105.5, 104.5, 105.0), (105.0, 104.0, 104.5), (105.0, 104.5, 105.0), (106.0, 105.0, 105.0)])
    flat, range_ = np.full(4, 100.0), np.full(4, 110.0)
    said = ladder(bars, np.array([True, False, False, False]), flat, range_, np.full(4, NAN), 5)
    assert said.target.tolist() == [0.2, 0.4, 0.4, 0.0]


def test_no_ladder_stands_without_a_range_or_with_one_that_reaches_zero() -> None:
    bars = _bars([(105.5, 104.5, 105.0)] * 3)
    for bottom, top in ((NAN, 110.0), (100.0, NAN), (0.0, 110.0), (105.0, 110.0), (100.0, 104.9)):
        assert not _standing(bars, bottom=bottom, top=top).target.any()


def test_a_ladder_needs_a_step() -> None:
    bars = _bars([(105.5, 104.5, 105.0)])
    ones = np.ones(1)
    with pytest.raises(StrategyError, match="whole number from 1 up"):
        ladder(bars, ones, ones, ones, ones, 0)


def _walk(seed: int, count: int, volatility: float) -> Bars:
    rng = np.random.default_rng(seed)
    close = 100.0 * np.cumprod(1.0 + rng.normal(0.0, volatility, count))
    # Towards 100 again and again, so that ladders live long enough to be climbed.
    close = 100.0 + (close - 100.0) * np.abs(np.sin(np.arange(count) / 7.0))
    reach = rng.exponential(volatility * 60.0, (2, count))
    high, low = close + reach[0], np.maximum(close - reach[1], 1.0)
    return _bars(list(zip(high.tolist(), low.tolist(), close.tolist(), strict=True)))


def _follow(bars: Bars, said: Ladder, steps: int) -> tuple[list[int], list[float]]:
    """Steps held after each bar by one who only reads the statements, and what each full descent and return earned."""
    held, holdings, cash, earned = 0, [0], 0.0, []
    for i in range(1, len(bars)):
        if said.target[i - 1] == 0.0:
            held, cash = 0, 0.0
        elif bars.low[i] <= said.limit[i - 1]:
            assert round(said.target[i - 1] * steps) == held + 1
            held, cash = held + 1, cash - said.limit[i - 1]
        elif bars.high[i] >= said.take[i - 1]:
            assert round(said.keep[i - 1] * steps) == held - 1
            held, cash = held - 1, cash + said.take[i - 1]
            if held == 0:
                earned.append(cash)
                cash = 0.0
        holdings.append(held)
    return holdings, earned


@pytest.mark.req("R2.1")
@given(
    seed=some.integers(0, 2**32 - 1), steps=some.integers(1, 9), volatility=some.sampled_from([0.002, 0.01, 0.05, 0.2])
)
def test_whoever_follows_the_statements_holds_what_the_ladder_believes(
    seed: int, steps: int, volatility: float
) -> None:
    bars = _walk(seed, 200, volatility)
    bottom, top = indicators.lowest(bars.low, 10), indicators.highest(bars.high, 10)
    said = ladder(bars, bars.close < 1.5 * bars.close[0], bottom, top, bottom * 0.97, steps)
    holdings, earned = _follow(bars, said, steps)
    for i, held in enumerate(holdings):
        if said.target[i] > 0.0:
            assert round(said.target[i] * steps) == held + (0 if np.isnan(said.limit[i]) else 1)
            # A buy rests below every sale and above the stop, at a price.
            assert not said.limit[i] >= said.take[i]
            assert not said.limit[i] <= said.stop[i]
        else:
            assert np.isnan([said.limit[i], said.take[i], said.keep[i], said.stop[i]]).all()
    # Each ladder that was climbed down and up again has earned.
    assert all(one > 0.0 for one in earned)


def _sideways(count: int = 400) -> Bars:
    """Between 90 and 110 in waves of 24 bars."""
    close = 100.0 + 9.0 * np.sin(np.arange(count) * 2.0 * np.pi / 24.0)
    return _bars(list(zip((close + 1.0).tolist(), (close - 1.0).tolist(), close.tolist(), strict=True)))


def _grid(bars: Bars, **params: object) -> Signals:
    return compute(LIBRARY.load("grid").cls(**params), bars)


@pytest.mark.req("R2.1")
def test_the_grid_trades_a_sideways_market_and_stands_on_the_range_of_the_bars_before() -> None:
    said = _grid(_sideways())
    assert said.limit is not None
    assert said.stop is not None
    # Highest high 110, lowest low 90: lines 106 102 98 94 90, the first of them too high to rest where the wave's ADX
    # is low; no range before bar 100.
    assert not said.target[:100].any()
    # The long sides of a wave are trends to the ADX, so that no ladder begins there.
    assert 0.5 < (said.target[100:] > 0.0).mean() < 0.9
    limits = said.limit[~np.isnan(said.limit)]
    np.testing.assert_allclose(np.unique(np.round(limits, 6)), [90.0, 94.0, 98.0, 102.0])
    assert (said.stop[said.target > 0.0] < 90.0).all()


@pytest.mark.req("R2.1")
def test_the_grid_leaves_a_trend_alone_and_leaves_when_the_range_breaks() -> None:
    rising = 100.0 * 1.01 ** np.arange(300)
    falling = 100.0 * 0.99 ** np.arange(300)
    for close in (rising, falling):
        assert not _grid(_bars([(price * 1.002, price * 0.998, price) for price in close.tolist()])).target.any()
    calm = _sideways()
    last = float(calm.close[-1])
    crash = [(price + 1.0, price - 1.0, price) for price in (last * 0.98 ** np.arange(1, 60)).tolist()]
    rows = list(zip(calm.high.tolist(), calm.low.tolist(), calm.close.tolist(), strict=True)) + crash
    target = _grid(_bars(rows)).target
    broken = len(calm) + int(np.flatnonzero(np.array([row[2] for row in crash]) < 90.0)[0])
    assert target[broken - 1] > 0.5
    assert not target[broken:].any()


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(("close", "inside"), [(109.0, True), (111.0, False), (91.0, True), (89.0, False)])
def test_the_range_is_that_of_the_bars_before_and_a_close_beyond_it_is_outside(close: float, inside: bool) -> None:
    bars = _sideways(101)
    columns = {"high": bars.high.copy(), "low": bars.low.copy(), "close": bars.close.copy()}
    for name, value in (("high", close + 1.0), ("low", close - 1.0), ("close", close)):
        columns[name][100] = value
    said = _grid(replace(bars, **columns), max_adx=100.0)
    assert bool(said.target[100] > 0.0) is inside


def test_the_grid_states_all_that_its_ladder_says() -> None:
    bars = _sideways()
    atr = indicators.atr(bars.high, bars.low, bars.close, 14)
    adx = indicators.adx(bars.high, bars.low, bars.close, 14).adx
    bottom, top = earlier(indicators.lowest(bars.low, 100), 1), earlier(indicators.highest(bars.high, 100), 1)
    orders, said = ladder(bars, adx < 25.0, bottom, top, bottom - atr, 5), _grid(bars)
    for field in Ladder._fields:
        np.testing.assert_array_equal(getattr(said, field), getattr(orders, field), err_msg=field)


@pytest.mark.parametrize(
    "params",
    [{"max_adx": 1.0}, {"step_atr": 5.0}, {"min_step_bps": 500.0}, {"steps": 50, "min_step_bps": 50.0}],
    ids=["trend", "step within the noise", "step below its costs", "too many steps"],
)
def test_the_grid_stays_out_where_no_step_is_worth_it(params: dict[str, object]) -> None:
    assert not _grid(_sideways(), **params).target.any()


def test_the_confidence_of_the_grid_is_the_movement_without_direction() -> None:
    bars = _sideways()
    said = _grid(bars)
    adx = indicators.adx(bars.high, bars.low, bars.close, 14).adx
    assert said.confidence is not None
    np.testing.assert_array_equal(said.confidence, 1.0 - adx / 100.0)
    assert np.isnan(said.confidence[:27]).all()


def test_the_adx_border_itself_is_no_sideways_market() -> None:
    bars = _sideways()
    adx = float(indicators.adx(bars.high, bars.low, bars.close, 14).adx[100])
    assert _grid(bars[:101], max_adx=adx).target[100] == 0.0
    assert _grid(bars[:101], max_adx=np.nextafter(adx, 100.0)).target[100] > 0.0
