"""Which combination is tried under which number: the same from any beginning, none twice, and toward what is good."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.errors import UsageError
from trader_cli.jobs.search import Front, Grid, Objective, Random, Search, Tpe
from trader_cli.jobs.space import Axis, Space
from trader_cli.model.evidence import Trial

WHOLE = Axis("a", int, tuple(range(31)))
REAL = Axis("b", float, (), Decimal(0), Decimal(1))
WORD = Axis("c", str, ("x", "y"))
SPACE = Space((WHOLE, REAL, WORD))
SHARPE = Objective("sharpe")


def result(number: int, params: dict[str, object]) -> Trial:
    """Best at a = 7, b = 0.3, c = y; nothing trades above a = 25."""
    a, b = float(params["a"]), float(params["b"])  # type: ignore[arg-type]
    value = -((a - 7) ** 2) / 100 - (b - 0.3) ** 2 - (params["c"] == "x")
    return Trial(number, params, {"sharpe": value, "max_drawdown_pct": b, "trades": 0 if a > 25 else 50})


def searched(search: Search, stop: int | None = None, known: Sequence[Trial] = ()) -> list[Trial]:
    """Return the trials of a search up to `stop`, after those that are known."""
    trials = list(known)
    search.resume(iter(known), len(known))
    last = search.total if stop is None else stop
    while len(trials) < last:
        ready = min(search.ready(len(trials)), last)
        batch = [result(number, search.at(number)) for number in range(len(trials), ready)]
        for one in batch:
            search.tell(one)
        trials += batch
    return trials


def tpe(objectives: Sequence[Objective] = (SHARPE,), trials: int = 64, seed: int = 1) -> Tpe:
    return Tpe(SPACE, trials, seed, objectives, min_trades=10, batch=16)


def test_a_grid_is_every_combination_once() -> None:
    space = Space((Axis("a", int, (1, 2, 3)), WORD))
    found = [Grid(space).at(i) for i in range(Grid(space).total)]
    assert found == [{"a": a, "c": c} for a in (1, 2, 3) for c in "xy"]


def test_a_grid_over_any_number_in_a_range_is_refused_with_the_way_out() -> None:
    with pytest.raises(UsageError, match="`b` may be any number") as caught:
        Grid(SPACE)
    assert caught.value.hints[0] == "give it steps: `--param b=0:1:STEP`"


@settings(max_examples=60, deadline=None)
@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4), seed=st.integers(0, 2**32 - 1))
def test_lots_drawn_from_what_can_be_counted_never_repeat_and_in_the_end_are_all(sizes: list[int], seed: int) -> None:
    space = Space(tuple(Axis(f"p{i}", int, tuple(range(size))) for i, size in enumerate(sizes)))
    search = Random(space, 10**9, seed)
    assert search.total == math.prod(sizes)
    found = [tuple(search.at(i).values()) for i in range(search.total)]
    assert len(set(found)) == search.total


def test_lots_are_spread_over_the_space_and_differ_by_seed() -> None:
    space = Space((Axis("a", int, tuple(range(1000))), Axis("b", int, tuple(range(1000)))))
    one, other = (Random(space, 400, seed) for seed in (1, 2))
    mine = [one.at(i) for i in range(400)]
    assert mine != [other.at(i) for i in range(400)]
    for name in "ab":
        # The mean of 400 draws from 0..999 has a deviation of 14.4: five of them.
        assert abs(sum(row[name] for row in mine) / 400 - 499.5) < 73
        assert len({row[name] // 100 for row in mine}) == 10


def test_a_lot_follows_from_seed_and_number_alone() -> None:
    forward = [Random(SPACE, 50, 3).at(i) for i in range(50)]
    search = Random(SPACE, 50, 3)
    assert [search.at(i) for i in reversed(range(50))] == forward[::-1]
    assert all(0 <= row["b"] <= 1 for row in forward)


def test_a_space_beyond_any_memory_is_drawn_from_at_once() -> None:
    space = Space(tuple(Axis(f"p{i}", int, tuple(range(50))) for i in range(40)))
    search = Random(space, 100, 1)
    assert len({tuple(search.at(i).values()) for i in range(100)}) == 100


@pytest.mark.parametrize("objectives", [(SHARPE,), (SHARPE, Objective("max_drawdown_pct", highest=False))])
@pytest.mark.parametrize("stopped", [5, 16, 37])
def test_a_learning_search_that_was_stopped_goes_on_as_if_it_had_not_been(
    objectives: Sequence[Objective], stopped: int
) -> None:
    whole = searched(tpe(objectives))
    assert searched(tpe(objectives), known=whole[:stopped]) == whole


def test_a_learning_search_learns() -> None:
    trials = searched(tpe(trials=96))
    first, last = (sum(one.stats["sharpe"] for one in part) / 32 for part in (trials[:32], trials[64:]))
    assert last > first / 3
    # What never trades is left alone.
    assert sum(one.params["a"] > 25 for one in trials[64:]) <= 4


def test_a_learning_search_asks_by_the_batch_whatever_is_asked_of_it() -> None:
    search = tpe(trials=40)
    assert [search.ready(first) for first in (0, 3, 16, 31, 32, 39)] == [16, 16, 32, 32, 40, 40]


def test_no_search_tries_more_than_there_is() -> None:
    small = Space((Axis("a", int, (1, 2)), WORD))
    assert Tpe(small, 100, 1, (SHARPE,), 0, 16).total == 4
    assert Random(small, 100, 1).total == 4


def test_the_front_is_what_no_other_beats_and_of_equal_ones_the_first() -> None:
    front = Front()
    rows = [(1, 5), (2, 4), (2, 3), (1, 5), (3, math.nan), (0, 6), (2, 4.5)]
    for number, worth in enumerate(rows):
        front.add(Trial(number, {}, {}), worth)
    assert [one.number for one in front.trials] == [0, 5, 6]


def test_a_trial_that_failed_or_hardly_traded_is_worth_nothing() -> None:
    assert SHARPE.worth(Trial(0, {}, {"sharpe": 3.0, "trades": 10}), 10) == 3.0
    assert math.isnan(SHARPE.worth(Trial(0, {}, {"sharpe": 3.0, "trades": 9}), 10))
    assert math.isnan(SHARPE.worth(Trial(0, {}, {}, problem="no"), 0))
    assert (
        Objective("max_drawdown_pct", highest=False).worth(Trial(0, {}, {"max_drawdown_pct": 5, "trades": 1}), 0) == -5
    )
