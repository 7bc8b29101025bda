"""What a strategy may return, and what becomes of what it must not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trader_cli.errors import DataError, StrategyError
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy.base import Strategy, compute
from trader_cli.strategy.signals import Signals

CLOSE = np.array([10.0, 11.0, 12.0, 11.0])


def _bars(close: np.ndarray = CLOSE) -> Bars:
    stamps = np.arange(len(close), dtype=np.int64) * 60_000
    return Bars("BTC/USD", "x", Timeframe(60_000), stamps, close, close + 1, close - 1, close, close)


def _saying(said: Any) -> Strategy:
    class Saying(Strategy):
        def targets(self, bars: Bars) -> Any:
            return said(bars) if callable(said) else said

    return Saying()


def test_true_and_false_become_one_and_zero() -> None:
    signals = compute(_saying(lambda bars: bars.close > 10.5), _bars())
    assert signals.target.tolist() == [0.0, 1.0, 1.0, 1.0]
    assert signals.target.dtype == np.float64
    assert signals.stop is None


def test_a_list_and_whole_numbers_are_levels_too() -> None:
    assert compute(_saying([0, 1, 1, 0]), _bars()).target.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_nan_passes_as_no_opinion() -> None:
    target = compute(_saying(np.array([np.nan, 1.0, np.nan, 0.0])), _bars()).target
    assert np.isnan(target).tolist() == [True, False, True, False]


def test_columns_come_out_contiguous_whatever_they_were() -> None:
    stop = np.repeat(CLOSE - 2.0, 2)[::2].astype(np.float32)
    signals = compute(_saying(Signals(target=np.ones(8)[::2], stop=stop)), _bars())
    assert signals.stop is not None
    assert all(array.flags.c_contiguous and array.dtype == np.float64 for array in (signals.target, signals.stop))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (None, "`targets` returned nothing"),
        (np.ones(3), r"`target` has shape \(3,\), it must be \(4,\)"),
        (np.ones((4, 1)), r"`target` has shape \(4, 1\)"),
        (1.0, r"`target` has shape \(\)"),
        (np.array(["a"] * 4), "`target` holds <U1"),
        (np.array([0.0, np.inf, 0.0, 0.0]), "`target` is infinite at bar 1"),
        (Signals(target=np.ones(4), confidence=np.array([0, 1, 1.5, 0])), "`confidence` is 1.5 at bar 2"),
        (Signals(target=np.ones(4), take=np.array([1.0, 0.0, 1.0, 1.0])), "`take` is 0.0 at bar 1"),
        (Signals(target=np.ones(4), limit=np.array([1.0, 1.0, -3.0, 1.0])), "`limit` is -3.0 at bar 2"),
        (Signals(target=np.ones(4), keep=np.array([0.5, 0.0, np.nan, -0.1])), "`keep` is -0.1 at bar 3"),
        (Signals(target=None), r"`target` has shape \(\)"),  # type: ignore[arg-type]
    ],
)
def test_what_no_strategy_may_return_is_named_with_its_place(said: object, message: str) -> None:
    with pytest.raises(StrategyError, match=message) as raised:
        compute(_saying(said), _bars())
    assert raised.value.message.startswith("strategy `Saying` on `BTC/USD`: ")
    assert raised.value.exit_code == 3


def test_a_stop_at_or_below_zero_is_no_stop() -> None:
    signals = compute(_saying(Signals(target=np.ones(4), stop=np.array([5.0, 0.0, -1.0, np.nan]))), _bars())
    assert signals.stop is not None
    np.testing.assert_array_equal(signals.stop, [5.0, np.nan, np.nan, np.nan])


def test_an_error_in_the_authors_code_is_shown_with_file_and_line() -> None:
    def breaks(bars: Bars) -> float:
        return 1 / (len(bars) - 4)

    with pytest.raises(StrategyError) as raised:
        compute(_saying(breaks), _bars())
    line = breaks.__code__.co_firstlineno + 1
    assert raised.value.message == "strategy `Saying` failed on `BTC/USD`: ZeroDivisionError: division by zero"
    assert raised.value.hints == (f"it happened in `{__file__}`, line {line}",)


def test_an_error_with_hints_keeps_them() -> None:
    def breaks(bars: Bars) -> float:
        raise DataError("too few bars", "load more")

    with pytest.raises(StrategyError) as raised:
        compute(_saying(breaks), _bars())
    assert raised.value.message == "strategy `Saying` on `BTC/USD`: too few bars"
    assert raised.value.hints == ("load more",)


def test_a_strategy_cannot_change_the_bars() -> None:
    close = CLOSE.copy()

    def writes(bars: Bars) -> np.ndarray:
        bars.close[0] = 0.0
        return bars.close

    with pytest.raises(StrategyError, match="read-only"):
        compute(_saying(writes), _bars(close))
    assert close[0] == 10.0
    assert close.flags.writeable


def test_a_strategy_cannot_change_the_bars_of_a_peer_either() -> None:
    close = CLOSE.copy()

    def writes(bars: Bars) -> np.ndarray:
        bars.peers[0].close[0] = 0.0
        return bars.close

    with pytest.raises(StrategyError, match="read-only"):
        compute(_saying(writes), replace(_bars(), peers=(_bars(close),)))
    assert close[0] == 10.0


def test_the_level_that_stays_after_a_sale_may_be_none_or_nothing() -> None:
    keep = np.array([0.5, 0.0, np.nan, 0.25])
    signals = compute(_saying(Signals(target=np.ones(4), take=CLOSE + 1.0, keep=keep)), _bars())
    assert signals.keep is not None
    np.testing.assert_array_equal(signals.keep, keep)


def test_zero_over_zero_in_a_strategy_is_nan_without_a_warning() -> None:
    target = compute(_saying(lambda bars: (bars.close - bars.close) / (bars.close - bars.close)), _bars()).target
    assert np.isnan(target).all()


def test_no_bars_give_no_rows() -> None:
    assert compute(_saying(lambda bars: bars.close > 0.0), _bars(np.array([]))).target.shape == (0,)


def test_a_strategy_without_targets_says_so() -> None:
    with pytest.raises(StrategyError, match="has no method `targets`"):
        compute(Strategy(), _bars())
