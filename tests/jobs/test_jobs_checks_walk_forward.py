"""walk_forward: what is chosen on the past, traded on what comes next."""

from __future__ import annotations

import math

import numpy as np
import pytest
from evidence import Turns, free_bench, held, paying
from research import bars_of, walk

from trader_cli.jobs.checks.neighbours import moved, neighbours
from trader_cli.jobs.checks.walk_forward import combinations, walk_forward
from trader_cli.model.evidence import Status, Tried
from trader_cli.strategy import Bars, Levels, Param, Strategy

GOOD = (0.02, -0.01)
BAD = (0.01, -0.02)


class Fixed(Turns):
    """The same, with nothing to choose."""

    length = Param(2, low=2, high=2)


class Picky(Strategy):
    """Refuses half of its parameters."""

    fast = Param(10, low=1, high=40)
    slow = Param(11, low=1, high=40)

    def targets(self, bars: Bars) -> Levels:
        if self.fast >= self.slow:
            raise ValueError("fast must be below slow")
        return np.arange(len(bars)) // 2 % 2 == 0


class Words(Strategy):
    """Parameters of every kind."""

    size = Param(10, low=9, high=100)
    part = Param(0.5, low=0.0, high=0.55)
    zero = Param(0.0, low=0.0, high=1.0)
    open_end = Param(0)
    pick = Param(3, choices=(1, 3, 9))
    way = Param("up", choices=("up", "down"))
    on = Param(True)

    def targets(self, bars: Bars) -> Levels:
        return np.zeros(len(bars))


@pytest.mark.req("X3")
def test_a_steady_strategy_keeps_what_it_earned_in_sample() -> None:
    found = walk_forward(free_bench(paying((400, GOOD)), strategy=Fixed()))
    assert found.status is Status.PASS
    assert found.details["combinations"] == 1
    # Half of the days are held: log(1.02 * 0.99) over four days, 365.25 days a year.
    growth = math.log(1.02 * 0.99) / 4 * 365.25 * 100
    assert found.details["growth_in_sample_pct"]["anchored"] == pytest.approx(growth, rel=0.03)
    assert found.details["growth_pct"]["rolling"] == pytest.approx(growth, rel=0.05)
    assert found.number == pytest.approx(100, abs=6)
    assert found.details["profitable_folds_pct"] == 100
    assert [len(one) for one in found.details["folds"].values()] == [5, 5]
    assert found.details["folds"]["anchored"][0]["first"] == "2017-07-20T00:00:00Z"


@pytest.mark.req("X3")
def test_a_loss_on_what_comes_next_fails() -> None:
    found = walk_forward(free_bench(paying((200, GOOD), (200, BAD)), strategy=Fixed()))
    assert found.status is Status.FAIL
    assert "what is chosen on the past loses afterwards" in found.message


def test_a_loss_in_sample_fails() -> None:
    found = walk_forward(free_bench(paying((200, BAD), (200, BAD)), strategy=Fixed()))
    assert found.status is Status.FAIL
    assert "even the best of 1 lost on the days it was chosen on" in found.message


def test_too_little_of_it_warns_and_with_too_few_folds_fails() -> None:
    # A third of the growth in every fold: little, but steady.
    third = (0.02 / 3, -0.01 / 3)
    found = walk_forward(free_bench(paying((200, GOOD), (200, third)), strategy=Fixed()))
    assert found.status is Status.WARN
    assert found.number is not None
    assert 25 < found.number < 50
    # One fold in five earns all there is.
    lucky = walk_forward(free_bench(paying((200, GOOD), (40, GOOD), (160, (0.005, -0.0055))), strategy=Fixed()))
    assert lucky.status is Status.FAIL
    assert lucky.details["profitable_folds_pct"] == 20


def test_too_few_days_are_no_evidence() -> None:
    found = walk_forward(free_bench(paying((100, GOOD)), strategy=Fixed()))
    assert (found.status, found.number, found.unit) == (Status.FAIL, 50, "days")


def test_each_fold_takes_the_best_of_the_days_before_and_no_later_ones() -> None:
    # Bars that `Turns(2)` holds pay on the first 200 days, those it does not hold afterwards.
    n = 400
    two = held(n, 2)
    pays = np.where(np.arange(n) < 200, two, ~two)
    bars = bars_of(100 * np.cumprod(1 + np.where(pays, 0.01, -0.01) + np.tile([0.001, -0.001], n // 2)))
    found = walk_forward(free_bench(bars, strategy=Turns(length=2)))
    first = found.details["folds"]["anchored"][0]
    assert first["params"] == {"length": 2}
    assert first["outside"] < 0
    assert found.details["combinations"] == 3
    later = bars_of(np.r_[bars.close[:240], bars.close[239] * np.cumprod(1 + np.tile([0.03, -0.01], 80))])
    changed = walk_forward(free_bench(later, strategy=Turns(length=2)))
    assert changed.details["folds"]["anchored"][0] == first


def test_the_space_of_the_last_search_is_chosen_from_and_bounded() -> None:
    tried = Tried(900, (), None, {"length": "1:50"})
    bench = free_bench(walk(400, 3), tried=tried)
    sets = combinations(bench)
    assert len(sets) == 50
    assert sets[0] == {"length": 2}
    assert len({one["length"] for one in sets}) == 50
    assert len(combinations(free_bench(walk(400, 3), tried=tried, max_combinations=10))) == 10
    assert combinations(bench) == sets
    # Of a version of the strategy that had another parameter: its own surroundings are looked at.
    gone = free_bench(walk(400, 3), tried=Tried(900, (), None, {"window": "1:50"}))
    assert [one["length"] for one in combinations(gone)] == [2, 1, 3]


def test_sets_that_the_strategy_refuses_are_left_out() -> None:
    found = walk_forward(free_bench(walk(400, 3), strategy=Picky()))
    # 8, 10 and 12 against 9, 11 and 13: of nine pairs 10-9, 12-9 and 12-11 are refused.
    assert found.details["combinations"] == 6


def test_parameters_move_within_their_bounds() -> None:
    declared = Words.declared
    assert moved(declared["size"], 10, 20) == (9, 12)
    assert moved(declared["size"], 10, 1) == (9, 11)
    assert moved(declared["part"], 0.5, 20) == (0.4, 0.55)
    assert moved(declared["zero"], 0.0, 20) == (0.2,)
    assert moved(declared["open_end"], 0, 20) == (-1, 1)
    assert moved(declared["pick"], 3, 20) == (1, 9)
    assert moved(declared["pick"], 9, 20) == (3,)
    assert moved(declared["way"], "up", 20) == ()
    assert moved(declared["on"], True, 20) == ()
    assert moved(Fixed.declared["length"], 2, 20) == ()
    assert neighbours(declared, Words().params, 20)[:2] == [("size", {"size": 9}), ("size", {"size": 12})]
