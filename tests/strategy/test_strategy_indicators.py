"""Indicators against `ta` and TA-Lib, against plain definitions, and against their own prefixes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib
from ta import momentum as ta_momentum
from ta import trend as ta_trend
from ta import volatility as ta_volatility
from ta import volume as ta_volume

from trader_cli.errors import StrategyError
from trader_cli.strategy import indicators as ind

N = 3_000
# Recursive means forget their start by (1 - alpha) a bar: with alpha = 1/14 a difference of 100 % is below 1e-9 after
# 300 bars, with the double smoothing of ADX and MACD well after 1,000.
SETTLED = 1_200


def _series(seed: int = 7) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    close = np.round(100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.01, N))), 2)
    opens = np.round(close * (1.0 + rng.normal(0.0, 0.003, N)), 2)
    high = np.round(np.maximum(opens, close) * (1.0 + rng.exponential(0.003, N)), 2)
    low = np.round(np.minimum(opens, close) * (1.0 - rng.exponential(0.003, N)), 2)
    return {"high": high, "low": low, "close": close, "volume": rng.gamma(2.0, 50.0, N)}


S = _series()
H, L, C, V = S["high"], S["low"], S["close"], S["volume"]
FRAME = {name: pd.Series(values) for name, values in S.items()}
h, lo, c, v = FRAME["high"], FRAME["low"], FRAME["close"], FRAME["volume"]
STAMPS = np.arange(N, dtype=np.int64) * 3_600_000
# Makes every typical price differ from the one before: on a tie the others follow the rounding of the last digit.
DRIFT = np.arange(N) * 1e-6

# Every public indicator as a function of one frame, for the laws that hold for all of them.
EVERY: dict[str, Callable[[dict[str, np.ndarray]], np.ndarray]] = {
    "sma": lambda s: ind.sma(s["close"], 20),
    "ema": lambda s: ind.ema(s["close"], 20),
    "rma": lambda s: ind.rma(s["close"], 14),
    "wma": lambda s: ind.wma(s["close"], 20),
    "slope": lambda s: ind.slope(s["close"], 20),
    "std": lambda s: ind.std(s["close"], 20),
    "zscore": lambda s: ind.zscore(s["close"], 20),
    "bollinger": lambda s: ind.bollinger(s["close"]).upper,
    "returns": lambda s: ind.returns(s["close"], 3),
    "roc": lambda s: ind.roc(s["close"]),
    "realised_volatility": lambda s: ind.realised_volatility(s["close"], STAMPS[: len(s["close"])], 20),
    "highest": lambda s: ind.highest(s["high"], 20),
    "lowest": lambda s: ind.lowest(s["low"], 20),
    "donchian": lambda s: ind.donchian(s["high"], s["low"], 20).middle,
    "stochastic": lambda s: ind.stochastic(s["high"], s["low"], s["close"]).d,
    "true_range": lambda s: ind.true_range(s["high"], s["low"], s["close"]),
    "atr": lambda s: ind.atr(s["high"], s["low"], s["close"]),
    "keltner": lambda s: ind.keltner(s["high"], s["low"], s["close"]).lower,
    "adx": lambda s: ind.adx(s["high"], s["low"], s["close"]).adx,
    "rsi": lambda s: ind.rsi(s["close"]),
    "macd": lambda s: ind.macd(s["close"]).histogram,
    "cci": lambda s: ind.cci(s["high"], s["low"], s["close"]),
    "obv": lambda s: ind.obv(s["close"], s["volume"]),
    "mfi": lambda s: ind.mfi(s["high"], s["low"], s["close"], s["volume"]),
    "vwap": lambda s: ind.vwap(s["high"], s["low"], s["close"], s["volume"]),
}
# First row with a value, by hand: windows need `period` values, moves one more, means of means both.
FIRST_ROW = {
    "sma": 19, "ema": 19, "rma": 13, "wma": 19, "slope": 19, "std": 19, "zscore": 19, "bollinger": 19, "returns": 3,
    "roc": 12, "realised_volatility": 20, "highest": 19, "lowest": 19, "donchian": 19, "stochastic": 13 + 2,
    "true_range": 0, "atr": 13, "keltner": 19, "adx": 2 * 14 - 1, "rsi": 14, "macd": 25 + 8, "cci": 19, "obv": 0,
    "mfi": 14, "vwap": 13,
}  # fmt: skip


def _close_to(ours: np.ndarray, theirs: object, start: int, rtol: float = 1e-9, atol: float = 1e-9) -> None:
    other = np.asarray(theirs, dtype=np.float64)
    assert np.isfinite(ours[start:]).all()
    np.testing.assert_allclose(ours[start:], other[start:], rtol=rtol, atol=atol)


def _cut(rows: int) -> dict[str, np.ndarray]:
    return {name: values[:rows] for name, values in S.items()}


def test_every_public_indicator_is_in_the_table_of_laws() -> None:
    assert {name for name in ind.__all__ if name.islower()} == set(EVERY) == set(FIRST_ROW)


@pytest.mark.parametrize(
    ("ours", "theirs", "start"),
    [
        pytest.param(ind.sma(C, 20), ta_trend.sma_indicator(c, 20), 19, id="sma"),
        pytest.param(ind.ema(C, 20), ta_trend.ema_indicator(c, 20), SETTLED, id="ema"),
        pytest.param(ind.wma(C, 20), ta_trend.wma_indicator(c, 20), 19, id="wma"),
        pytest.param(ind.bollinger(C).upper, ta_volatility.bollinger_hband(c), 19, id="bollinger-upper"),
        pytest.param(ind.bollinger(C).lower, ta_volatility.bollinger_lband(c), 19, id="bollinger-lower"),
        pytest.param(ind.roc(C), ta_momentum.roc(c), 12, id="roc"),
        pytest.param(ind.rsi(C), ta_momentum.rsi(c), SETTLED, id="rsi"),
        pytest.param(ind.atr(H, L, C), ta_volatility.average_true_range(h, lo, c), 13, id="atr"),
        pytest.param(ind.macd(C).line, ta_trend.macd(c), SETTLED, id="macd"),
        pytest.param(ind.macd(C).signal, ta_trend.macd_signal(c), SETTLED, id="macd-signal"),
        pytest.param(ind.stochastic(H, L, C).k, ta_momentum.stoch(h, lo, c), 13, id="stochastic-k"),
        pytest.param(ind.stochastic(H, L, C).d, ta_momentum.stoch_signal(h, lo, c), 15, id="stochastic-d"),
        pytest.param(ind.cci(H, L, C), ta_trend.cci(h, lo, c), 19, id="cci"),
        pytest.param(ind.mfi(H + DRIFT, L, C, V), ta_volume.money_flow_index(h + DRIFT, lo, c, v), 14, id="mfi"),
        pytest.param(ind.vwap(H, L, C, V), ta_volume.volume_weighted_average_price(h, lo, c, v), 13, id="vwap"),
        pytest.param(
            ind.donchian(H, L, 20).upper, ta_volatility.donchian_channel_hband(h, lo, c), 19, id="donchian-upper"
        ),
        pytest.param(
            ind.donchian(H, L, 20).lower, ta_volatility.donchian_channel_lband(h, lo, c), 19, id="donchian-lower"
        ),
    ],
)
def test_it_equals_ta_to_1e_9_once_warmed_up(ours: np.ndarray, theirs: pd.Series, start: int) -> None:
    _close_to(ours, theirs, start)


def test_keltner_equals_ta_to_1e_9_once_warmed_up() -> None:
    theirs = ta_volatility.KeltnerChannel(h, lo, c, window=20, window_atr=20, original_version=False, multiplier=2)
    _close_to(ind.keltner(H, L, C).upper, theirs.keltner_channel_hband(), SETTLED)
    _close_to(ind.keltner(H, L, C).lower, theirs.keltner_channel_lband(), SETTLED)


def test_adx_equals_ta_to_1e_9_once_warmed_up() -> None:
    theirs = ta_trend.ADXIndicator(h, lo, c)
    ours = ind.adx(H, L, C)
    _close_to(ours.plus, theirs.adx_pos(), SETTLED)
    _close_to(ours.minus, theirs.adx_neg(), SETTLED)
    _close_to(ours.adx, theirs.adx(), SETTLED)


def test_obv_equals_ta_where_no_close_repeats() -> None:
    # `ta` counts an unchanged close as a rise; Granville and TA-Lib leave it out.
    moving = C + DRIFT
    theirs = ta_volume.on_balance_volume(pd.Series(moving), v)
    assert (np.diff(moving) != 0.0).all()
    _close_to(ind.obv(moving, V), theirs, 0, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize(
    ("ours", "theirs", "start"),
    [
        pytest.param(ind.sma(C, 20), talib.SMA(C, 20), 19, id="sma"),
        pytest.param(ind.ema(C, 20), talib.EMA(C, 20), 19, id="ema"),
        pytest.param(ind.wma(C, 20), talib.WMA(C, 20), 19, id="wma"),
        pytest.param(ind.slope(C, 20), talib.LINEARREG_SLOPE(C, 20), 19, id="slope"),
        pytest.param(ind.bollinger(C).upper, talib.BBANDS(C, 20)[0], 19, id="bollinger"),
        pytest.param(ind.roc(C), talib.ROC(C, 12), 12, id="roc"),
        pytest.param(ind.returns(C, 3), talib.ROCP(C, 3), 3, id="returns"),
        pytest.param(ind.highest(H, 55), talib.MAX(H, 55), 54, id="highest"),
        pytest.param(ind.lowest(L, 55), talib.MIN(L, 55), 54, id="lowest"),
        pytest.param(ind.rsi(C), talib.RSI(C), 14, id="rsi"),
        pytest.param(ind.true_range(H, L, C), talib.TRANGE(H, L, C), 1, id="true_range"),
        pytest.param(ind.atr(H, L, C), talib.ATR(H, L, C), SETTLED, id="atr"),
        pytest.param(ind.adx(H, L, C).adx, talib.ADX(H, L, C), SETTLED, id="adx"),
        pytest.param(ind.adx(H, L, C).plus, talib.PLUS_DI(H, L, C), SETTLED, id="adx-plus"),
        pytest.param(ind.macd(C).line, talib.MACD(C)[0], SETTLED, id="macd"),
        pytest.param(ind.macd(C).histogram, talib.MACD(C)[2], SETTLED, id="macd-histogram"),
        pytest.param(ind.stochastic(H, L, C).d, talib.STOCH(H, L, C, 14, 1, 0, 3, 0)[1], 15, id="stochastic"),
        pytest.param(ind.cci(H, L, C), talib.CCI(H, L, C, 20), 19, id="cci"),
        pytest.param(ind.obv(C, V), talib.OBV(C, V), 0, id="obv"),
        pytest.param(ind.mfi(H + DRIFT, L, C, V), talib.MFI(H + DRIFT, L, C, V), 14, id="mfi"),
    ],
)
def test_it_equals_ta_lib_to_1e_8_once_warmed_up(ours: np.ndarray, theirs: np.ndarray, start: int) -> None:
    # TA-Lib's own running sums are off by some 1e-11.
    _close_to(ours, theirs, start, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("period", [1, 2, 3, 20, 100])
def test_std_and_zscore_equal_the_definition_on_each_window(period: int) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(C, period)
    _close_to(ind.std(C, period), np.r_[np.zeros(period - 1), windows.std(axis=1)], period - 1, atol=1e-9)
    if period > 2:
        expected = (C[period - 1 :] - windows.mean(axis=1)) / windows.std(axis=1)
        np.testing.assert_allclose(ind.zscore(C, period)[period - 1 :], expected, rtol=1e-8, atol=1e-8)


def test_std_of_a_tiny_wobble_on_a_high_price_keeps_its_digits() -> None:
    # Prices 100,000 ± 0.005: squares of the prices would leave nothing of 0.005² in 16 digits.
    price = 100_000.0 + np.where(np.arange(1000) % 2 == 0, 0.005, -0.005)
    np.testing.assert_allclose(ind.std(price, 20)[19:], 0.005, rtol=1e-8)


def test_realised_volatility_is_annualised_by_the_series_own_calendar() -> None:
    # Moves of exactly 1 % a day. Every day: √365.25 a year; five days a week: √(365.25 · 5 / 7).
    days = np.arange(400, dtype=np.int64)
    price = np.cumprod(np.where(days % 2 == 0, 1.01, 0.99))
    always = ind.realised_volatility(price, days * 86_400_000, 250)[-1]
    weekdays = ind.realised_volatility(price, (days // 5 * 7 + days % 5) * 86_400_000, 250)[-1]
    assert always == pytest.approx(0.01 * np.sqrt(365.25), rel=1e-12)
    assert weekdays == pytest.approx(0.01 * np.sqrt(365.25 * 5 / 7), rel=1e-12)


def test_equal_typical_prices_are_no_money_flow_whatever_their_last_digit() -> None:
    # In floats 0.1 + 0.2 + 0.3 is 0.6000000000000001 and 0.3 + 0.2 + 0.1 is 0.6.
    one = np.array([0.1, 0.3, 0.1, 0.3, 0.1])
    other = [*one[1:].tolist(), 0.3]
    two = np.full(5, 0.2)
    assert len(set(one + two + other)) == 2
    assert (ind.mfi(one, two, np.array(other), np.ones(5), 2)[2:] == 50.0).all()


def test_slope_of_a_straight_line_is_its_step() -> None:
    assert ind.slope(3.0 + 0.25 * np.arange(50.0), 10)[9:] == pytest.approx(0.25, rel=1e-12)


def test_sma_of_a_million_prices_is_right_to_the_last_digits_at_the_end() -> None:
    cents = 10_000 + np.cumsum(np.random.default_rng(3).integers(-3, 4, 1_000_000))
    sums = np.cumsum(cents)
    for period in (20, 100):
        exact = (sums[period:] - sums[:-period]) / (100.0 * period)
        np.testing.assert_allclose(ind.sma(cents / 100.0, period)[period:], exact, rtol=4e-15, atol=0.0)


@pytest.mark.parametrize("price", [0.1, 1 / 3, 9363.07, 1e-8])
def test_averages_of_a_price_that_stands_still_are_that_price_exactly(price: float) -> None:
    still = np.full(500, price)
    for period in (1, 7, 20, 100):
        assert (ind.sma(still, period)[period - 1 :] == price).all()
        assert (ind.std(still, period)[period - 1 :] == 0.0).all()
    assert np.isnan(ind.zscore(still, 20)).all()
    assert (ind.rsi(still)[14:] == 50.0).all()


@pytest.mark.parametrize("name", EVERY)
def test_it_is_nan_until_warmed_up_and_a_number_from_then_on(name: str) -> None:
    values = EVERY[name](S)
    assert values.shape == (N,)
    assert values.dtype == np.float64
    assert np.isnan(values[: FIRST_ROW[name]]).all()
    assert np.isfinite(values[FIRST_ROW[name] :]).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_longer_history_does_not_change_one_bit_of_earlier_rows(name: str) -> None:
    whole = EVERY[name](S)
    for rows in (0, 1, 2, 13, 14, 15, 20, 21, 40, 99, 555, 1_000, N - 1):
        np.testing.assert_array_equal(EVERY[name](_cut(rows)), whole[:rows])


@pytest.mark.parametrize("name", [name for name in EVERY if name not in ("obv", "true_range", "returns", "roc")])
def test_a_hole_is_nan_in_its_row_and_forgotten_in_the_end(name: str) -> None:
    holed = {column: values.copy() for column, values in S.items()}
    for values in holed.values():
        values[500] = np.nan
    ours, whole = EVERY[name](holed), EVERY[name](S)
    assert np.isnan(ours[500])
    np.testing.assert_array_equal(ours[:500], whole[:500])
    assert np.isfinite(ours[560:]).all()
    np.testing.assert_allclose(ours[2_500:], whole[2_500:], rtol=1e-9, atol=1e-9)


def test_windows_with_a_hole_are_nan_and_the_first_without_it_is_a_number() -> None:
    values = np.arange(100.0)
    values[40] = np.nan
    for function in (ind.sma, ind.wma, ind.std, ind.highest, ind.lowest):
        assert np.isnan(function(values, 10)[40:50]).all()
        assert np.isfinite(function(values, 10)[9:40]).all()
        assert np.isfinite(function(values, 10)[50:]).all()


def test_any_kind_of_column_gives_the_same_bits() -> None:
    expected = ind.rsi(C)
    sealed = C.copy()
    sealed.flags.writeable = False
    scattered = np.repeat(C, 3)[::3]
    for values in (sealed, scattered, pd.Series(C), list(C)):
        np.testing.assert_array_equal(ind.rsi(values), expected)


@pytest.mark.skipif(not hasattr(ind.averages._sma, "signatures"), reason="the compiler is off")
def test_readonly_and_strided_columns_do_not_compile_again() -> None:
    sealed = C.copy()
    sealed.flags.writeable = False
    for values in (C, sealed, C[::2], C[::-1], C.astype(np.float32), pd.Series(C)):
        ind.sma(values, 20)
    assert len(ind.averages._sma.signatures) == 1


@pytest.mark.parametrize("period", [0, -1, 2.5])
def test_a_period_that_cannot_be_is_refused_with_its_value(period: float) -> None:
    with pytest.raises(StrategyError, match=f"the period is {period}"):
        ind.sma(C, period)  # type: ignore[arg-type]


def test_a_deviation_over_too_few_values_is_refused() -> None:
    with pytest.raises(StrategyError, match="ddof is 1, it must be from 0 to below the period 1"):
        ind.std(C, 1, ddof=1)


def test_a_table_instead_of_a_column_is_refused() -> None:
    with pytest.raises(StrategyError, match=r"a column has shape \(2, 2\)"):
        ind.sma([[1.0, 2.0], [3.0, 4.0]], 2)


def test_columns_of_different_lengths_are_refused() -> None:
    with pytest.raises(StrategyError, match="different lengths: 3000, 2999"):
        ind.atr(H, L[:-1], C[:-1])
