"""A strategy's resting sales that keep a part: limit entries, takes and what stays."""

from __future__ import annotations

import numpy as np
import pytest
from candles import NAN, bars, run
from purses import still

from trader_cli.strategy.signals import Signals


@pytest.mark.req("R2.1")
def test_a_take_that_keeps_half_sells_half_and_the_strategy_may_buy_again_at_once() -> None:
    own = Signals(
        target=np.array([1, NAN, 1, NAN]), take=np.array([102, NAN, NAN, NAN]), keep=np.array([0.5, NAN, NAN, NAN])
    )
    result = run(bars([still(100), still(100), (100, 102, 100, 100), still(100)]), own)
    assert result.table == [
        (1, "buy", "1", "100", "strategy"),
        (2, "sell", "0.5", "102", "partial"),
        (3, "buy", "0.5", "100", "strategy"),
    ]


@pytest.mark.req("R2.1")
def test_a_part_below_the_minimum_stays_and_is_sold_when_it_is_worth_enough() -> None:
    # half of 1 at 102 is 51, below 60: nothing is sold. At 140 it is 70: the wish for 0.5 sells it at the next open.
    own = Signals(
        target=np.array([1, NAN, NAN, 0.5, 0.5, 0.5]),
        take=np.array([102, NAN, NAN, NAN, NAN, NAN]),
        keep=np.array([0.5, NAN, NAN, NAN, NAN, NAN]),
    )
    rows = [still(100), still(100), (100, 103, 100, 100), still(100), still(140), still(140)]
    result = run(bars(rows), own, minimum="60")
    assert result.table == [(1, "buy", "1", "100", "strategy"), (5, "sell", "0.5", "140", "strategy")]


@pytest.mark.req("R2.1")
def test_a_take_that_keeps_nothing_sells_all_however_small_and_the_strategy_may_buy_again_at_once() -> None:
    # 1 at 61, above the minimum of 60; the take at 59 is below it, but an exit. It does not count in the bar of the entry.
    own = Signals(
        target=np.array([1, NAN, 1, NAN]), take=np.array([59, NAN, NAN, NAN]), keep=np.array([0, NAN, NAN, NAN])
    )
    rows = [still(61), (61, 61, 50, 50), (50, 61, 50, 61), still(61)]
    result = run(bars(rows), own, minimum="60")
    assert result.table == [
        (1, "buy", "1", "61", "strategy"),
        (2, "sell", "1", "59", "partial"),
        (3, "buy", "1", "61", "strategy"),
    ]


@pytest.mark.req("R0.2", "R2.1")
@pytest.mark.parametrize("take", [104, 102])
def test_a_target_at_or_under_a_take_that_keeps_half_sells_all(take: float) -> None:
    # the rule's target is 102, where all is gone before the bar reaches 104. Instead half is sold at 104 first.
    own = Signals(target=np.array([1, NAN, NAN]), take=np.array([take, NAN, NAN]), keep=np.array([0.5, NAN, NAN]))
    result = run(bars([still(100), still(100), (100, 105, 100, 105)]), own, target_pct="2")
    assert result.table[1:] == [(2, "sell", "1", "102", "target")]
