"""Mean reversion: which fall counts, whether anybody trades at it, and the stop under it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trader_cli.errors import UsageError
from trader_cli.model.bars import Bars, Floats
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import Signals, compute, indicators
from trader_cli.strategy.loader import Library

LIBRARY = Library(None, Path(__file__).resolve().parents[2] / "strategies")
DAY_MS = 86_400_000


def _reversion(close: Floats, volume: Floats | None = None, **params: object) -> Signals:
    stamps = np.arange(len(close), dtype=np.int64) * DAY_MS
    traded = np.ones(len(close)) if volume is None else volume
    bars = Bars("X/USD", "x", Timeframe(DAY_MS), stamps, close, close + 1.0, close - 1.0, close, traded)
    return compute(LIBRARY.load("mean_reversion").cls(**({"slow": 50} | params)), bars)


def _rise() -> Floats:
    return 100.0 + 0.2 * np.arange(100)


# A small dip of two bars is oversold by the two-bar RSI, but within a deviation of the mean; a deep one is both; a deep
# one from which the price has begun to rise is stretched but no longer oversold.
SMALL = np.append(_rise(), _rise()[-1] - np.array([1.1, 2.2]))
DEEP = np.append(_rise(), _rise()[-1] - np.array([2.0, 4.0]))
TURNING = np.append(_rise(), _rise()[-1] - np.array([4.0, 3.2]))


@pytest.mark.req("R2.1")
@pytest.mark.parametrize(
    ("close", "rsi", "zscore", "both"),
    [(SMALL, 1.0, 0.0, 0.0), (DEEP, 1.0, 1.0, 1.0), (TURNING, 0.0, 1.0, 0.0), (_rise(), 0.0, 0.0, 0.0)],
    ids=["small", "deep", "turning", "none"],
)
def test_the_signal_is_the_rsi_the_zscore_or_both(close: Floats, rsi: float, zscore: float, both: float) -> None:
    # Judged at the last bar alone, whatever was bought in the bars before.
    last_rsi, last_z = indicators.rsi(close, 2)[-1], indicators.zscore(close, 20)[-1]
    assert (last_rsi < 10.0, last_z < -1.0) == (bool(rsi), bool(zscore))
    held = {signal: _buys_at_the_end(close, signal=signal) for signal in ("rsi", "zscore", "both")}
    assert held == {"rsi": bool(rsi), "zscore": bool(zscore), "both": bool(both)}


def _buys_at_the_end(close: Floats, **params: object) -> bool:
    # No turnover but in the last bar, which alone may therefore buy.
    volume = np.zeros(len(close))
    volume[-1] = 1.0
    return bool(_reversion(close, volume, min_turnover=1.0, turnover_bars=1, **params).target[-1] == 1.0)


def test_both_is_the_default_and_another_word_is_refused() -> None:
    assert LIBRARY.load("mean_reversion").cls().params["signal"] == "both"
    with pytest.raises(UsageError, match="`signal` is macd, it must be one of rsi, zscore, both"):
        _reversion(_rise(), signal="macd")


@pytest.mark.req("R2.1")
def test_a_fall_exactly_at_a_threshold_is_not_below_it() -> None:
    z = float(indicators.zscore(DEEP, 20)[-1])
    assert not _buys_at_the_end(DEEP, signal="zscore", enter_z=-z)
    assert _buys_at_the_end(DEEP, signal="zscore", enter_z=float(np.nextafter(-z, 0.0)))
    # A dip half recovered: an RSI between 1 and 50.
    close = np.append(_rise(), _rise()[-1] - np.array([4.0, 3.5]))
    rsi = float(indicators.rsi(close, 2)[-1])
    assert 1.0 < rsi < 50.0
    assert not _buys_at_the_end(close, signal="rsi", enter_rsi=rsi)
    assert _buys_at_the_end(close, signal="rsi", enter_rsi=float(np.nextafter(rsi, 100.0)))


@pytest.mark.req("R2.1")
def test_it_buys_at_exactly_the_least_turnover_and_not_a_hair_below() -> None:
    # Mean of close * volume over 4 bars, in quote.
    volume = np.full(len(DEEP), 3.0)
    turnover = float(indicators.sma(DEEP * volume, 4)[-1])
    steady = {"turnover_bars": 4, "signal": "both"}
    assert _reversion(DEEP, volume, min_turnover=turnover, **steady).target[-1] == 1.0
    # The bar before has a higher mean: the fall had begun there, too, and is let pass only where all are below.
    above = float(indicators.sma(DEEP * volume, 4).max(initial=0.0, where=np.arange(len(DEEP)) >= 99)) * 1.0001
    assert not _reversion(DEEP, volume, min_turnover=above, **steady).target.any()
    assert _buys_at_the_end(DEEP)
    price = float(DEEP[-1])
    last = np.zeros(len(DEEP))
    last[-1] = 1.0
    assert _reversion(DEEP, last, min_turnover=price, turnover_bars=1).target[-1] == 1.0
    assert _reversion(DEEP, last, min_turnover=float(np.nextafter(price, 1e9)), turnover_bars=1).target[-1] == 0.0


def test_a_least_turnover_of_zero_asks_nothing_even_where_the_volume_is_unknown() -> None:
    unknown = np.full(len(DEEP), np.nan)
    assert _reversion(DEEP, unknown).target[-1] == 1.0
    assert not _reversion(DEEP, unknown, min_turnover=1e-9).target.any()


@pytest.mark.req("R2.1")
def test_what_is_held_is_sold_at_the_mean_whatever_the_turnover() -> None:
    close = np.append(DEEP, [116.0, 118.0, 121.0])
    volume = np.ones(len(close))
    volume[len(DEEP) :] = 0.0
    said = _reversion(close, volume, min_turnover=50.0, turnover_bars=1)
    assert said.target[len(DEEP) - 1] == 1.0
    assert said.target[-1] == 0.0


@pytest.mark.req("R2.1")
def test_the_stop_is_an_atr_multiple_under_the_close_of_the_entry_for_every_signal() -> None:
    for signal in ("rsi", "zscore", "both"):
        said = _reversion(DEEP, signal=signal, stop_atr=2.0)
        assert said.stop is not None
        entry = int(np.flatnonzero(said.target == 1.0)[-1])
        while said.target[entry - 1] == 1.0:
            entry -= 1
        atr = indicators.atr(DEEP + 1.0, DEEP - 1.0, DEEP, 14)
        assert said.stop[-1] == DEEP[entry] - 2.0 * atr[entry]


def test_confidence_is_the_depth_of_the_fall_in_the_measure_that_is_asked() -> None:
    rsi, z = indicators.rsi(DEEP, 2)[-1], indicators.zscore(DEEP, 20)[-1]
    for signal, expected in (("rsi", 1.0 - rsi / 50.0), ("zscore", -z / 3.0), ("both", -z / 3.0)):
        said = _reversion(DEEP, signal=signal)
        assert said.confidence is not None
        assert said.confidence[-1] == pytest.approx(min(expected, 1.0))
