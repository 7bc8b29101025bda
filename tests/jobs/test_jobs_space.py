"""What may be stated of a search: ranges, lists and words, exact, checked against the strategy, everything wrong at once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.errors import UsageError
from trader_cli.jobs.space import Space, read_space
from trader_cli.model.bars import Bars, Floats
from trader_cli.strategy.base import Strategy
from trader_cli.strategy.params import Param


class Every(Strategy):
    """One parameter of every kind."""

    fast = Param(20, low=2, high=100)
    stop = Param(0.5, low=0.0, high=2.0)
    mode = Param("near", choices=("near", "far"))
    free = Param("x")
    twice = Param(False)
    wide = Param(7, low=1)

    def targets(self, bars: Bars) -> Floats:
        return bars.close * 0


def space(**given: str) -> Space:
    return read_space("every", Every.declared, Every().params, given)


def values(found: Space, name: str) -> list[Any]:
    axis = next(one for one in found.axes if one.name == name)
    assert axis.size is not None
    return [axis.at(i) for i in range(axis.size)]


def refused(**given: str) -> UsageError:
    with pytest.raises(UsageError) as caught:
        space(**given)
    return caught.value


def test_a_range_holds_both_ends() -> None:
    assert values(space(fast="5:50:5"), "fast") == [5, 10, 15, 20, 25, 30, 35, 40, 45, 50]


def test_an_end_that_no_step_meets_is_not_passed() -> None:
    assert values(space(fast="5:52:20"), "fast") == [5, 25, 45]


def test_tenths_are_counted_in_decimals_so_that_each_is_the_number_somebody_would_type() -> None:
    # 0.1 + 2 * 0.1 is 0.30000000000000004 in floats, and 0.1 + 0.1 + 0.1 of 0.3 would miss its end.
    assert values(space(stop="0.1:0.7:0.1"), "stop") == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]


@given(low=st.decimals(0, 1, places=3), step=st.decimals(Decimal("0.001"), 1, places=3), count=st.integers(1, 50))
def test_every_value_of_a_range_is_the_float_nearest_to_its_decimal(low: Decimal, step: Decimal, count: int) -> None:
    high = min(low + step * count, Decimal(2))
    found = values(space(stop=f"{low}:{high}:{step}"), "stop") if high > low else [float(low)]
    assert found == [float(low + step * i) for i in range(len(found))]
    assert low + step * len(found) > high or high == low


def test_a_list_keeps_its_order_and_its_types() -> None:
    found = space(fast="20, 5,10", mode="far,near", twice="yes,no")
    assert values(found, "fast") == [20, 5, 10]
    assert values(found, "mode") == ["far", "near"]
    assert values(found, "twice") == [True, False]


def test_whole_numbers_without_a_step_go_one_by_one_and_others_have_no_end() -> None:
    assert values(space(fast="5:8"), "fast") == [5, 6, 7, 8]
    assert space(stop="0:1").size is None


def test_a_word_may_hold_a_colon() -> None:
    assert values(space(free="a:b,c"), "free") == ["a:b", "c"]


def test_what_is_not_stated_stays_as_it_is_where_something_is_searched() -> None:
    found = read_space("every", Every.declared, Every(stop=1.5).params, {"fast": "5,6"})
    assert found.size == 2
    assert found.at(1) == {"fast": 6, "stop": 1.5, "mode": "near", "free": "x", "twice": False, "wide": 7}


def test_where_no_more_than_one_value_is_stated_the_declared_ranges_are_searched() -> None:
    for found in (space(), space(wide="9")):
        assert [axis.name for axis in found.searched] == ["fast", "stop", "mode", "twice"]
        assert not found.stepped
    assert values(space(wide="9"), "wide") == [9]
    # A number without both bounds, and a word without choices, have no range.
    assert values(space(), "wide") == [7]
    assert values(space(), "mode") == ["near", "far"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"fast": "1:50:5"}, "`fast` is 1, it must be 2 to 100"),
        ({"fast": "5:500:5"}, "`fast` is 500, it must be 2 to 100"),
        ({"fast": "50:5:5"}, "`fast` goes from 50 down to 5"),
        ({"fast": "5:50:0"}, "`fast` goes in steps of 0, a step must be above 0"),
        ({"fast": "5:50:-5"}, "`fast` goes in steps of -5"),
        ({"fast": "5:50:2.5"}, "`fast` goes in steps of 2.5, it must be a whole number"),
        ({"fast": "5:50:x"}, "`fast` has `x` where a number is wanted"),
        ({"fast": "5:50:nan"}, "`fast` has `nan` where a number is wanted"),
        ({"fast": "5.5:50"}, "`fast` is `5.5`, it must be a whole number"),
        ({"fast": "5:6:7:8"}, "`fast` is `5:6:7:8`, that is no range"),
        ({"fast": "5::8"}, "`fast` is `5::8`, that is no range"),
        ({"fast": "5,5"}, "`fast` is stated twice as 5"),
        ({"fast": "5,"}, "an empty value"),
        ({"mode": "near,middle"}, "`mode` is middle, it must be one of near, far"),
        ({"twice": "yes,maybe"}, "`twice` is `maybe`, it must be true or false"),
        ({"stop": "0:inf"}, "`stop` is `inf`, it must be a number"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, str], said: str) -> None:
    assert said in refused(**given).message


def test_everything_wrong_is_said_at_once_with_what_was_meant() -> None:
    error = refused(fast="1:2", short="5", mode="up")
    assert "`fast` is 1" in error.message
    assert "has no parameter `short`" in error.message
    assert "`mode` is up" in error.message
    assert "did you mean `fast`?" in error.hints


def test_the_last_parameter_changes_fastest_and_numbers_and_combinations_answer_each_other() -> None:
    found = space(fast="5,10", stop="0:1:0.5", mode="near,far")
    assert found.size == 12
    assert [(one["fast"], one["stop"], one["mode"]) for one in map(found.at, range(4))] == [
        (5, 0.0, "near"), (5, 0.0, "far"), (5, 0.5, "near"), (5, 0.5, "far")
    ]  # fmt: skip
    assert [found.number(found.at(i)) for i in range(12)] == list(range(12))
    with pytest.raises(IndexError):
        found.at(12)


def test_a_space_says_itself_as_it_would_be_stated() -> None:
    found = space(fast="5:50:5", stop="0:1", mode="far", twice="on,off", wide="1:9")
    assert found.stated == {
        "fast": "5:50:5", "stop": "0:1", "mode": "far", "free": "x", "twice": "true,false", "wide": "1:9"
    }  # fmt: skip
    again = read_space("every", Every.declared, Every().params, {**found.stated})
    assert again == found


def test_a_grid_is_meant_where_all_that_is_searched_was_stated_with_steps() -> None:
    assert space(fast="5:50:5", mode="near,far").stepped
    assert not space(stop="0:1").stepped
    assert not space().stepped
