"""Reallocation (R1.3): when cash or slots are gone, the weakest position makes room for a signal worth both trades."""

from __future__ import annotations

import numpy as np
import pytest
from purses import Played, play, still

from trader_cli.engine.panel import Measured
from trader_cli.engine.state import ORDERS, TRIPPED
from trader_cli.strategy.signals import Signals

ATR = Measured(atr=np.full(5, 10.0))
DAY = [still(100)] * 5


def sure(target: list[float], confidence: float) -> Signals:
    return Signals(target=np.array(target, float), confidence=np.full(len(target), confidence))


def swap(*signals: Signals, **changed: object) -> Played:
    return play([DAY] * len(signals), [list(signals)], measured=[ATR] * len(signals), swap_atr="1", **changed)


@pytest.mark.req("R1.3")
@pytest.mark.parametrize(
    ("fee", "slip", "swapped"),
    [("194.9999", "0", True), ("195", "0", False), ("100", "94.9999", True), ("100", "95", False)],
)
def test_a_swap_must_gain_more_than_both_trades_cost(fee: str, slip: str, swapped: bool) -> None:
    # a range of 10 at 100 is 10 %; confidence 0.4 against 0.01: 4 % - 0.1 % = 3.9 %; both trades at 1.95 % cost 3.9 %,
    # of which slippage may be a part
    played = swap(sure([0, 0, 1, 1, 1], 0.4), sure([1] * 5, 0.01), max_positions=1, fee_bps=fee, slippage_bps=slip)
    after = [(row[0], row[2], row[3], row[6]) for row in played.table[1:]]
    assert after == ([(3, 1, "sell", "swap"), (3, 0, "buy", "strategy")] if swapped else [])


@pytest.mark.req("R1.3")
def test_a_position_that_is_swapped_out_is_not_increased_in_the_same_decision() -> None:
    # S0 is flat and sure, S1 holds 0.5, is weak, and wants 1 from the same close on: S1 goes, S0 comes at minute 3.
    # Instead S1 buys 0.5 more in minute 3, and one working order too many is counted for ever.
    played = swap(sure([0, 0, 1, 1, 1], 1), sure([0.5, 0.5, 1, 1, 1], 0.1), max_positions=1)
    assert [(row[0], row[2], row[3], row[4]) for row in played.table] == [
        (1, 1, "buy", "0.5"),
        (3, 1, "sell", "0.5"),
        (3, 0, "buy", "1"),
    ]
    assert played.book.account[ORDERS] == 0


@pytest.mark.req("R1.3")
def test_a_position_that_was_just_increased_is_not_the_weakest_to_sell() -> None:
    # S0 (0.05) asks first and is not worth it: 0.5 % - 0.4 % < 0.4 %. S1 (0.04) is increased. S2 (1) must not sell S1,
    # whose order would be overwritten: it is counted twice.
    played = swap(
        sure([0, 0, 1, 1, 1], 0.05),
        sure([0.5, 0.5, 1, 1, 1], 0.04),
        sure([0, 0, 1, 0, 0], 1),
        max_positions=1,
        fee_bps="20",
    )
    assert played.book.account[ORDERS] == 0


@pytest.mark.req("R1.3")
def test_a_signal_that_came_in_by_a_swap_for_cash_was_not_refused() -> None:
    played = swap(sure([0, 0, 1, 1, 1], 1), sure([1] * 5, 0.1), cash=("100",))
    assert [(row[0], row[2], row[3]) for row in played.table] == [(1, 1, "buy"), (3, 1, "sell"), (3, 0, "buy")]
    assert played.events == []


@pytest.mark.req("R1.3")
def test_nothing_is_swapped_out_for_a_leg_without_its_other_leg() -> None:
    # S0 is one leg of S0-S1; S1 wants nothing, so that S0 is not bought: S2 must stay
    played = swap(sure([0, 0, 1, 1, 1], 1), sure([0] * 5, 1), sure([1] * 5, 0.1), max_positions=1, legs=[{0: 1, 1: 0}])
    assert [(row[0], row[2], row[3]) for row in played.table] == [(1, 2, "buy")]
    assert played.book.position[2, TRIPPED] == 0


@pytest.mark.req("R1.3", "R0.2")
def test_what_was_swapped_out_stays_out_until_its_strategy_lets_go() -> None:
    # S1 is swapped out at minute 3 and wanted all along; S0 lets go at the close of minute 4, S1 at that of minute 6
    rows = [still(100)] * 9
    newer = Signals(target=np.array([0.0, 0, 1, 1, 0, 0, 0, 0, 0]), confidence=np.ones(9))
    older = Signals(target=np.array([1.0, 1, 1, 1, 1, 1, 0, 1, 1]), confidence=np.full(9, 0.1))
    played = play(
        [rows] * 2, [[newer, older]], measured=[Measured(atr=np.full(9, 10.0))] * 2, swap_atr="1", max_positions=1
    )
    assert [(row[0], row[2], row[3]) for row in played.table] == [
        (1, 1, "buy"),
        (3, 1, "sell"),
        (3, 0, "buy"),
        (5, 0, "sell"),
        (8, 1, "buy"),
    ]


@pytest.mark.req("R1.3")
def test_of_several_positions_the_one_that_promises_least_makes_room() -> None:
    played = swap(sure([0, 0, 1, 1, 1], 1), sure([1] * 5, 0.2), sure([1] * 5, 0.1), sure([1] * 5, 0.3), max_positions=3)
    assert [(row[0], row[2], row[3]) for row in played.table[3:]] == [(3, 2, "sell"), (3, 0, "buy")]


@pytest.mark.req("R1.3", "R2.5")
def test_a_swap_never_sells_what_another_wallet_holds() -> None:
    # the only slot is the other wallet's: its position may promise nothing at all, it stays
    played = play(
        [DAY],
        [[sure([0, 0, 1, 1, 1], 1)], [sure([1] * 5, 0)]],
        cash=("500", "500"),
        measured=[ATR],
        swap_atr="1",
        max_positions=1,
    )
    assert [(row[0], row[1], row[3]) for row in played.table] == [(1, 1, "buy")]
    assert [one[1:3] for one in played.events] == [(0, "max_positions")]


@pytest.mark.req("R1.3", "R1.1")
def test_nothing_is_sold_for_a_signal_that_a_limit_refuses() -> None:
    # 0.6 is not above 0.6; the position it would have replaced stays, and may be sold later
    played = swap(sure([0, 0, 1, 1, 1], 0.6), sure([1] * 5, 0.61), max_positions=1, min_confidence="0.6")
    assert [(row[0], row[2]) for row in played.table] == [(1, 1)]
    played = swap(sure([0, 0, 1, 1, 1], 0.6), sure([1, 1, 1, 0, 0], 0.61), max_positions=1, min_confidence="0.6")
    assert [(row[0], row[2], row[3]) for row in played.table] == [(1, 1, "buy"), (4, 1, "sell")]


@pytest.mark.req("R1.3", "R2.3")
def test_a_signal_that_even_a_swap_cannot_pay_is_refused_with_what_it_would_cost() -> None:
    # S1 is bought for 130 of 235 and falls to a tenth: 105 and the 13 it would bring are less than the minimum of 120.
    # S0 asks for 2 at 100: 200 against the 105 there are.
    played = play(
        [[still(100)] * 4, [still(100), still(100), still(10), still(10)]],
        [[sure([0, 0, 1, 1], 1), sure([0.65] * 4, 0.01)]],
        cash=("235",),
        measured=[Measured(atr=np.full(4, 10.0)), Measured(atr=np.full(4, 1.0))],
        swap_atr="1",
        size_quantity="2",
        minimum="120",
    )
    assert [row[:4] for row in played.table] == [(1, 0, 1, "buy")]
    assert played.events == [(2, 0, "no_cash", 20_000_000_000, 10_500_000_000, 2, False)]


@pytest.mark.req("R1.3", "R2.1")
def test_a_leg_is_never_swapped_out_alone() -> None:
    # S1 and S2 are one trade and hold both slots; S0 promises 10 % against their 1 %, and is refused the third
    played = swap(
        sure([0, 0, 1, 1, 1], 1), sure([1] * 5, 0.1), sure([1] * 5, 0.1), max_positions=2, legs=[{1: 2, 2: 1}]
    )
    assert [(row[0], row[2], row[3]) for row in played.table] == [(1, 1, "buy"), (1, 2, "buy")]
    assert played.events == [(2, 0, "max_positions", 3, 2, 3, False)]


@pytest.mark.req("R1.3", "R0.1")
def test_a_position_without_a_bar_is_not_swapped_out() -> None:
    # S0 asks at the close of minute 2, in which S1 has no price to be sold at: the swap waits for the close of minute 3
    silent = [still(100), still(100), None, still(100), still(100)]
    played = play(
        [DAY, silent],
        [[sure([0, 0, 1, 1, 1], 1), sure([1] * 4, 0.1)]],
        measured=[ATR, Measured(atr=np.full(4, 10.0))],
        swap_atr="1",
        max_positions=1,
    )
    assert [(row[0], row[2], row[3]) for row in played.table] == [(1, 1, "buy"), (4, 1, "sell"), (4, 0, "buy")]


@pytest.mark.req("R1.3")
@pytest.mark.parametrize(("price", "quantity"), [(60, "1"), (75, "0.8")])
def test_what_a_swap_leaves_of_cash_and_slots_is_the_next_signals(price: float, quantity: str) -> None:
    # S2 took all of 100. It is sold for S0, which costs 40: 60 are left for S1, and its slot is the second of two.
    played = play(
        [[still(40)] * 5, [still(price)] * 5, DAY],
        [[sure([0, 0, 1, 1, 1], 1), sure([0, 0, 1, 1, 1], 1), sure([1] * 5, 0.01)]],
        cash=("100",),
        measured=[ATR] * 3,
        swap_atr="1",
        max_positions=2,
    )
    assert [(row[0], row[2], row[3], row[4]) for row in played.table] == [
        (1, 2, "buy", "1"),
        (3, 2, "sell", "1"),
        (3, 0, "buy", "1"),
        (3, 1, "buy", quantity),
    ]
    assert [one[0] for one in played.events] == []
