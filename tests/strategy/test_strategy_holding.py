"""latch, settle, from_entry and earlier, bar by bar."""

from __future__ import annotations

import numpy as np
import pytest

from trader_cli.errors import StrategyError
from trader_cli.strategy import earlier, from_entry, latch, settle

NAN = np.nan


def test_latch_holds_from_enter_to_leave_and_leave_wins() -> None:
    # bar:           0  1  2  3  4  5  6  7
    enter = np.array([0, 1, 0, 0, 1, 1, 1, 0], dtype=bool)
    leave = np.array([1, 0, 0, 1, 0, 0, 1, 0], dtype=bool)
    assert latch(enter, leave).tolist() == [0, 1, 1, 0, 1, 1, 0, 0]


def test_latch_is_flat_before_any_event() -> None:
    assert latch([False, False], [False, False]).tolist() == [0.0, 0.0]
    assert latch([], []).shape == (0,)


def test_latch_takes_nan_conditions_as_false() -> None:
    assert latch(np.array([NAN, 1.0, NAN]), np.array([NAN, NAN, 1.0])).tolist() == [0.0, 1.0, 0.0]


def test_latch_refuses_columns_of_different_lengths() -> None:
    with pytest.raises(StrategyError, match="different lengths: 2, 3"):
        latch([True, False], [True, False, True])


def test_settle_moves_only_when_off_by_more_than_the_band() -> None:
    # 0.5 stands until 0.65 (off by 0.15); 0.55 is exactly 0.1 off and stays; 0 is off by 0.65.
    values = [NAN, 0.5, 0.55, 0.45, 0.65, NAN, 0.75, 0.0]
    np.testing.assert_array_equal(settle(values, 0.1001), [NAN, 0.5, 0.5, 0.5, 0.65, NAN, 0.65, 0.0])


def test_settle_with_no_band_changes_nothing() -> None:
    values = np.array([0.1, 0.2, 0.2, 0.0])
    np.testing.assert_array_equal(settle(values, 0.0), values)


def test_from_entry_keeps_the_value_of_the_bar_of_entry_while_held() -> None:
    held = [0.0, 1.0, 0.5, NAN, 0.0, NAN, 1.0, -1.0]
    stop = [90.0, 91.0, 92.0, 93.0, 94.0, 95.0, 96.0, 97.0]
    np.testing.assert_array_equal(from_entry(held, stop), [NAN, 91, 91, 91, NAN, NAN, 96, NAN])


def test_earlier_gives_the_value_of_so_many_bars_before() -> None:
    np.testing.assert_array_equal(earlier(np.array([1.0, 2.0, 3.0]), 1), [NAN, 1.0, 2.0])
    np.testing.assert_array_equal(earlier(np.array([1.0, 2.0, 3.0]), 0), [1.0, 2.0, 3.0])
    np.testing.assert_array_equal(earlier(np.array([1.0, 2.0, 3.0]), 5), [NAN, NAN, NAN])


def test_earlier_refuses_to_look_ahead() -> None:
    with pytest.raises(StrategyError, match="the period is -1"):
        earlier(np.array([1.0, 2.0]), -1)
