"""Arbitrage: two venues worked by hand, and the laws that the venues mirror each other and costs are paid."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as some

from trader_cli.errors import StrategyError
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Signals, aligned, carried, compute
from trader_cli.strategy.loader import Library

LIBRARY = Library(None, Path(__file__).resolve().parents[2] / "strategies")
HOUR_MS = 3_600_000
NAN = float("nan")


def _bars(close: npt.ArrayLike, hours: npt.ArrayLike | None = None, exchange: str = "one") -> Bars:
    prices = np.asarray(close, dtype=np.float64)
    stamps = np.arange(len(prices)) if hours is None else np.asarray(hours)
    opens = stamps.astype(np.int64) * HOUR_MS
    ones = np.ones(len(prices))
    return Bars("X/USD", exchange, Timeframe(HOUR_MS), opens, prices, prices, prices, prices, ones)


def _both(here: Bars, there: Bars, **params: object) -> tuple[Signals, Signals]:
    """What the rule says at each of the two venues, each with the other as its peer."""
    make = LIBRARY.load("arbitrage").cls
    return (
        compute(make(**params), replace(here, peers=(there,))),
        compute(make(**params), replace(there, peers=(here,))),
    )


@pytest.mark.req("R2.1")
def test_it_holds_on_the_cheaper_venue_until_the_prices_meet() -> None:
    # Costs 15 bps a leg, margin 40: buying here at 100 and selling there at q leaves q * 0.9985 / (100 * 1.0015) - 1,
    # above 40 bps from q = 100.7017 on. Back to halves within 5 bps.
    table = [
        # here, there     target here
        (100.00, 100.00, 0.5),  # halves from the first bar
        (100.00, 100.70, 0.5),  # leaves 39.8 bps: not enough
        (100.00, 100.71, 1.0),  # leaves 40.8
        (100.00, 100.06, 1.0),  # 6 bps apart: still waiting
        (100.00, 100.04, 0.5),  # 4 bps apart: met
        (100.71, 100.00, 0.0),  # dearer here
        (100.30, 100.00, 0.0),
        (100.00, 100.80, 1.0),  # the other way round at once
        (100.20, 100.00, 1.0),  # crossed, but 20 bps apart
        (100.00, 100.00, 0.5),
    ]
    here, there = _both(_bars([row[0] for row in table]), _bars([row[1] for row in table], exchange="two"))
    expected = np.array([row[2] for row in table])
    np.testing.assert_array_equal(here.target, expected)
    np.testing.assert_array_equal(there.target, 1.0 - expected)
    # 100.71 * 0.9985 / 100.15 - 1 = 40.83 bps, of 100 that are certain; nothing is left of a closed gap.
    assert here.confidence is not None
    assert here.confidence[2] == pytest.approx(0.4083, abs=1e-4)
    assert here.confidence[[0, 4, 9]].tolist() == [0.0, 0.0, 0.0]


@pytest.mark.req("R2.1")
def test_a_bar_that_either_venue_lacks_is_no_opinion_and_the_state_waits() -> None:
    # Opens here 0 1 2 4 5, there 0 1 3 4 5: common are 0 1 4 5.
    first = _bars([100.0, 100.0, 90.0, 100.0, 100.0], [0, 1, 2, 4, 5])
    second = _bars([100.0, 101.0, 90.0, 100.5, 100.0], [0, 1, 3, 4, 5], "two")
    here, there = _both(first, second)
    np.testing.assert_array_equal(here.target, [0.5, 1.0, NAN, 1.0, 0.5])
    np.testing.assert_array_equal(there.target, [0.5, 0.0, NAN, 0.0, 0.5])
    assert here.confidence is not None
    assert np.isnan(here.confidence).tolist() == [False, False, True, False, False]


@pytest.mark.req("R2.1")
def test_without_a_second_venue_it_never_has_an_opinion() -> None:
    said = compute(LIBRARY.load("arbitrage").cls(), _bars([100.0, 200.0, 50.0]))
    assert np.isnan(said.target).all()
    assert said.confidence is not None
    assert np.isnan(said.confidence).all()


@pytest.mark.req("R2.1")
@pytest.mark.parametrize("bad", [NAN, 0.0, -1.0])
def test_a_price_that_is_none_is_as_a_missing_bar(bad: float) -> None:
    here, there = _both(_bars([100.0, 101.0, 100.0]), _bars([100.0, bad, 100.0], exchange="two"))
    assert np.isnan([here.target[1], there.target[1]]).all()
    assert here.target[2] == 0.5


@pytest.mark.req("R2.1")
def test_a_gap_that_leaves_exactly_the_margin_is_not_enough() -> None:
    left = (100.71 * (1.0 - 0.0015) / (100.0 * (1.0 + 0.0015)) - 1.0) * 10_000.0
    for margin, target in ((left, 0.5), (np.nextafter(left, 0.0), 1.0)):
        here, there = _both(_bars([100.0]), _bars([100.71], exchange="two"), margin_bps=margin)
        assert (here.target.tolist(), there.target.tolist()) == ([target], [1.0 - target])


def test_it_goes_back_at_exactly_the_closing_gap_and_not_a_hair_beside() -> None:
    gap = (100.05 / 100.0 - 1.0) * 10_000.0
    for close, target in ((gap, 0.5), (np.nextafter(gap, 0.0), 1.0)):
        here, _ = _both(_bars([100.0, 100.0]), _bars([101.0, 100.05], exchange="two"), close_bps=close)
        assert here.target.tolist() == [1.0, target]


def test_each_leg_costs() -> None:
    # 100.71 leaves 40.8 bps at 15 a leg; at 16 a leg two less: 38.8.
    here, _ = _both(_bars([100.0]), _bars([100.71], exchange="two"), cost_bps=16.0)
    assert here.target.tolist() == [0.5]


def test_three_venues_and_unlike_timeframes_are_refused() -> None:
    strategy = LIBRARY.load("arbitrage").cls()
    bars, other = _bars([100.0]), _bars([100.0], exchange="two")
    with pytest.raises(StrategyError, match="compares two venues, it was given 3"):
        compute(strategy, replace(bars, peers=(other, other)))
    with pytest.raises(StrategyError, match="bars of 30m at `two` and of 1h at `one`"):
        compute(strategy, replace(bars, peers=(replace(other, timeframe=Timeframe(1_800_000)),)))


def _venues(seed: int, count: int, apart: float) -> tuple[Bars, Bars]:
    """Two venues around one price, each with holes of its own and a start of its own."""
    rng = np.random.default_rng(seed)
    price = 100.0 * np.cumprod(1.0 + rng.normal(0.0, 0.001, count))
    made = []
    for exchange in ("one", "two"):
        there = np.flatnonzero(rng.random(count) < 0.8)[rng.integers(0, 5) :]
        made.append(_bars((price * (1.0 + rng.normal(0.0, apart, count)))[there], there, exchange))
    return made[0], made[1]


@pytest.mark.req("R2.1")
@given(
    seed=some.integers(0, 2**32 - 1), count=some.integers(0, 80), apart=some.sampled_from([0.0, 0.0005, 0.003, 0.05])
)
def test_the_venues_mirror_each_other_exactly_wherever_both_have_a_bar(seed: int, count: int, apart: float) -> None:
    one, two = _venues(seed, count, apart)
    here, there = _both(one, two)
    common, at_one, at_two = np.intersect1d(one.open_ms, two.open_ms, return_indices=True)
    assert (here.target[at_one] + there.target[at_two] == 1.0).all()
    assert here.confidence is not None
    assert there.confidence is not None
    assert (here.confidence[at_one] == there.confidence[at_two]).all()
    for said, bars in ((here, one), (there, two)):
        assert np.isnan(said.target[~np.isin(bars.open_ms, common)]).all()


@pytest.mark.req("R2.1")
@given(seed=some.integers(0, 2**32 - 1), apart=some.sampled_from([0.001, 0.003, 0.02]))
def test_every_way_there_and_back_pays_all_four_legs(seed: int, apart: float) -> None:
    one, two = _venues(seed, 300, apart)
    here, _ = _both(one, two)
    _, at_one, at_two = np.intersect1d(one.open_ms, two.open_ms, return_indices=True)
    target, price, other = here.target[at_one], one.close[at_one], two.close[at_two]
    cost = 0.0015
    # Where the first bar already has a gap, the stock is bought where it is cheap: no way out has been paid yet.
    begin = int(np.flatnonzero(target == 0.5)[0]) if (target == 0.5).any() else len(target)
    cash = 0.0
    for i in range(begin + 1, len(target)):
        amount = target[i] - target[i - 1]
        # What is bought here is sold there, at these closes.
        cash -= amount * (price[i] - other[i]) + abs(amount) * cost * (price[i] + other[i])
        if target[i] == 0.5 and amount != 0.0:
            assert cash > 0.0
            cash = 0.0


def test_carried_and_aligned_fill_nothing_in() -> None:
    assert carried([NAN, 1.0, NAN, 2.0, NAN], 0.5).tolist() == [0.5, 1.0, 1.0, 2.0, 2.0]
    assert np.isnan(carried([NAN, NAN])).all()
    assert carried([]).shape == (0,)
    peer = _bars([1.0, 2.0, 3.0], [1, 3, 9], "two")
    np.testing.assert_array_equal(aligned(peer, _bars(np.zeros(4), [0, 1, 2, 3])), [NAN, 1.0, NAN, 2.0])
