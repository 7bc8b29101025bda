"""The strategies that ship: what all have in common, and hand-made series for those without a file of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from trader_cli.model.bars import Bars, Floats
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.loader import Library

FOLDER = Path(__file__).resolve().parents[2] / "strategies"
LIBRARY = Library(None, FOLDER)
FIVE = ["demo_ma", "mean_reversion", "momentum", "trend_breakout", "volatility"]
FOUR = ["arbitrage", "grid", "mean_reversion", "momentum"]
NAMES = sorted({*FIVE, *FOUR})
DAY_MS = 86_400_000


def _bars(close: Floats) -> Bars:
    """Daily bars one unit high on either side of the close, and a second venue that is now and then dearer by 2 %."""
    stamps = np.arange(len(close), dtype=np.int64) * DAY_MS
    bars = Bars("X/USD", "x", Timeframe(DAY_MS), stamps, close, close + 1.0, close - 1.0, close, np.ones(len(close)))
    dearer = np.where(np.arange(len(close)) % 50 == 49, 1.02, 1.0)
    return replace(bars, peers=(replace(bars, exchange="y", close=close * dearer),))


def _make(name: str, **params: object) -> Strategy:
    return LIBRARY.load(name).cls(**params)


@pytest.mark.req("R3.2")
@pytest.mark.req("R2.1")
def test_the_strategies_are_there_with_the_names_of_the_requirements() -> None:
    assert LIBRARY.names() == NAMES
    assert set(FIVE) | set(FOUR) == set(NAMES)


@pytest.mark.req("R2.11")
@pytest.mark.parametrize("name", NAMES)
def test_each_is_short_and_names_its_source(name: str) -> None:
    text = (FOLDER / f"{name}.py").read_text()
    assert len(text.splitlines()) < 120
    assert "Source:" in text


@pytest.mark.req("R3.2")
@pytest.mark.parametrize("name", FIVE)
def test_short_window_offers_fast_everywhere(name: str) -> None:
    with pytest.raises(Exception, match="has no parameter `short_window`") as raised:
        _make(name, short_window=5)
    assert raised.value.hints[0] == "did you mean `fast`?"


@pytest.mark.parametrize("name", [name for name in NAMES if name != "arbitrage"])
def test_each_is_flat_while_it_warms_up_and_on_a_price_that_stands_still(name: str) -> None:
    target = compute(_make(name), _bars(np.full(600, 37.21))).target
    assert not (target > 0.0).any()


@pytest.mark.parametrize("name", NAMES)
def test_each_takes_no_bars_and_one_bar(name: str) -> None:
    assert compute(_make(name), _bars(np.array([]))).target.shape == (0,)
    # Arbitrage begins with half on each venue.
    assert not (compute(_make(name), _bars(np.array([5.0]))).target > (0.5 if name == "arbitrage" else 0.0)).any()


@pytest.mark.parametrize("name", NAMES)
def test_levels_stay_between_flat_and_a_whole_position(name: str) -> None:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(11).normal(0.0005, 0.03, 3_000))
    target = compute(_make(name), _bars(close)).target
    assert (np.isnan(target) | ((target >= 0.0) & (target <= 1.0))).all()
    assert (target > 0.0).any()


def test_demo_ma_holds_exactly_while_the_fast_average_is_above() -> None:
    # fast 2, slow 5. Means: bar 4: 2.5 > 2.2 · bar 5: 1.5 < 2.2 · bar 6: 2.0 < 2.2 · bar 7: 3.0 > 2.4
    close = np.array([1.0, 3.0, 2.0, 3.0, 2.0, 1.0, 3.0, 3.0])
    target = compute(_make("demo_ma", fast=2, slow=5), _bars(close)).target
    assert target.tolist() == [0, 0, 0, 0, 1, 0, 0, 1]


def test_trend_breakout_buys_above_the_channel_and_leaves_below_the_short_one() -> None:
    # slow 5, fast 2; highs are close + 1, lows close - 1.
    # Highest high of bars 0..4 is 11: bar 5 closes at 12 above it. Bar 8 closes at 12, below the lows of bars 6, 7
    # (12.5 and 13), so it leaves there.
    close = np.array([10.0, 10.0, 10.0, 10.0, 10.0, 12.0, 13.5, 14.0, 12.0, 12.0])
    signals = compute(_make("trend_breakout", slow=5, fast=2, atr_period=2), _bars(close))
    assert signals.target.tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 0, 0]
    # True ranges: 2 up to bar 4, bar 5: 13 - 10 = 3. Wilder's mean of 2: (2 + 3) / 2 = 2.5. Stop 12 - 2 · 2.5 = 7.
    assert signals.stop is not None
    np.testing.assert_allclose(signals.stop[5:8], 7.0)
    assert np.isnan(signals.stop[[0, 4, 8, 9]]).all()


def test_trend_breakout_does_not_buy_at_the_channel_itself() -> None:
    close = np.array([10.0, 10.0, 10.0, 10.0, 10.0, 11.0, 11.0])
    assert not compute(_make("trend_breakout", slow=5, fast=2), _bars(close)).target.any()


def _dipped() -> Floats:
    """A slow rise of 300 bars, a fall of 6 % in three, and back."""
    rise = 100.0 + 0.2 * np.arange(300)
    return np.concatenate((rise, rise[-1] * np.array([0.98, 0.96, 0.94, 0.96, 0.98, 1.0, 1.01])))


def test_mean_reversion_buys_the_fall_and_leaves_at_the_mean() -> None:
    signals = compute(_make("mean_reversion"), _bars(_dipped()))
    held = np.flatnonzero(signals.target)
    assert held[0] == 300
    assert signals.target[-1] == 0.0
    assert signals.stop is None
    assert signals.confidence is not None
    # It buys from one deviation under the mean on, and three count as certain.
    assert 1 / 3 < signals.confidence[300] < 2 / 3


def test_mean_reversion_leaves_the_same_fall_alone_in_a_falling_market() -> None:
    falling = np.concatenate((200.0 - 0.2 * np.arange(300), _dipped()[300:] - 30.0))
    assert not compute(_make("mean_reversion"), _bars(falling)).target.any()


def test_mean_reversion_sets_a_stop_when_asked() -> None:
    signals = compute(_make("mean_reversion", stop_atr=2), _bars(_dipped()))
    assert signals.stop is not None
    held = signals.target == 1.0
    assert len(set(signals.stop[held])) == 1
    assert signals.stop[300] < _dipped()[300]
    assert np.isnan(signals.stop[~held]).all()


def test_momentum_holds_a_rise_and_leaves_when_the_window_has_lost() -> None:
    wobble = np.where(np.arange(400) % 2 == 0, 1.0, -1.0)
    up = 100.0 + 0.5 * np.arange(400) + wobble
    down = up[-1] - 1.0 * np.arange(1, 201)
    target = compute(_make("momentum", slow=100, fast=20), _bars(np.concatenate((up, down)))).target
    # The youngest that may be bought has 200 closed bars: bar 199.
    assert not target[:199].any()
    assert (target[199:400] == 1.0).all()
    # Falling twice as fast as it rose, 100 bars have lost after some 33; the mean of returns says so a little later.
    gone = int(np.flatnonzero(target[400:] == 0.0)[0])
    assert 30 <= gone <= 40
    # In between it has no opinion and keeps what it holds.
    assert np.isnan(target[400 : 400 + gone]).any()
    assert not target[400 + gone :].any()


def test_momentum_does_not_flicker_around_zero() -> None:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(2).normal(0.0, 0.02, 5_000))
    target = compute(_make("momentum"), _bars(close)).target
    # A rule that changed sides whenever the sign of the 168-bar return does would trade some hundreds of times.
    said = target[~np.isnan(target)]
    assert 5 <= int((np.diff(said) != 0.0).sum()) <= 80


def test_volatility_holds_the_target_over_the_realised() -> None:
    # Alternating +2.1 % and -1.9 %: the root of the mean square is 2.0025 % a day, × √365.25 = 38.3 % a year: whole.
    # Twice that, 76.5 %: 0.4 / 0.765 = 0.523.
    def rising(scale: float) -> Bars:
        moves = np.where(np.arange(500) % 2 == 0, 0.021, -0.019) * scale
        return _bars(100.0 * np.cumprod(1.0 + moves))

    assert compute(_make("volatility"), rising(1.0)).target[-1] == 1.0
    assert compute(_make("volatility"), rising(2.0)).target[-1] == pytest.approx(0.523, abs=0.002)


def test_volatility_moves_its_size_only_by_more_than_the_band() -> None:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(9).normal(0.003, 0.04, 2_000))
    target = compute(_make("volatility"), _bars(close)).target
    steps = np.abs(np.diff(target[(target > 0.0)]))
    # Steps are above the band, but where it was flat between two sizes.
    assert (steps[steps > 0.0] > 0.1).mean() > 0.9
    assert (np.diff(target) != 0.0).mean() < 0.05
