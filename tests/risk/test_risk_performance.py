"""Performance-weighted shares: against exact water-filling in fractions, by their laws, and worked out by hand."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trader_cli.money import ONE
from trader_cli.risk.performance import performance_weights, score_of

pytestmark = pytest.mark.req("R2.4")

QUOTE = 10**8
MONEY = st.integers(0, 10**16)
RESULT = st.one_of(st.integers(-(10**16), 10**16), st.integers(-(10**10), 10**10))
ROW = st.tuples(MONEY, RESULT, st.integers(0, 40))
ROWS = st.lists(ROW, min_size=1, max_size=12)
MANY = st.lists(ROW, min_size=20, max_size=90)
LIMITS = st.tuples(st.integers(0, ONE), st.integers(0, ONE))


def shares(rows, least_trips=20, floor=0, cap=ONE):
    columns = [np.array(column, np.int64) for column in zip(*rows, strict=True)]
    out = np.full(len(rows) + 1, -7, np.int64)
    performance_weights(*columns, len(rows), least_trips, floor, cap, out)
    assert out[-1] == -7
    return out[:-1].tolist()


def traded(*results, bought=100 * QUOTE):
    return [(bought, result * QUOTE, 50) for result in results]


def water(scores, floor, cap):
    """Fill exactly: try as level each interval between the breakpoints of sum(clamp(score * level)), in fractions."""

    def total(level):
        return sum(min(max(score * level, floor), cap) for score in scores)

    points = sorted({Fraction(bound, score) for score in scores for bound in (floor, cap)})
    if total(points[0]) >= ONE:
        level = points[0]
    else:
        low, high = next((a, b) for a, b in pairwise(points) if total(b) >= ONE)
        rise = total(high) - total(low)
        level = low + (high - low) * (ONE - total(low)) / rise
    return [min(max(score * level, Fraction(floor)), Fraction(cap)) for score in scores]


@given(st.one_of(ROWS, MANY), LIMITS)
def test_shares_sum_to_exactly_one(rows, limits) -> None:
    assert sum(shares(rows, floor=limits[0], cap=limits[1])) == ONE


@given(st.one_of(ROWS, MANY), LIMITS)
def test_every_share_keeps_floor_and_cap_and_the_sum_where_that_is_possible(rows, limits) -> None:
    floor, cap = limits[0] // len(rows), -(-ONE // len(rows)) + limits[1] // 2
    for share in shares(rows, floor=floor, cap=cap):
        assert floor <= share <= cap
    assert sum(shares(rows, floor=floor, cap=cap)) == ONE


@given(ROWS, LIMITS)
def test_impossible_limits_give_equal_shares(rows, limits) -> None:
    assume(limits[0] * len(rows) > ONE or limits[1] * len(rows) < ONE)
    found = shares(rows, floor=limits[0], cap=limits[1])
    assert max(found) - min(found) <= 1


@given(st.one_of(ROWS, MANY), LIMITS)
def test_shares_are_those_of_water_filling_in_fractions(rows, limits) -> None:
    floor, cap = limits[0] // len(rows), min(ONE, -(-ONE // len(rows)) + limits[1] // 2)
    exact = water([score_of(*row, 20) for row in rows], floor, cap)
    for share, wanted in zip(shares(rows, floor=floor, cap=cap), exact, strict=True):
        assert abs(share - wanted) <= 1 + Fraction(len(rows), 32)


@given(MONEY, RESULT, st.integers(0, 40))
def test_the_score_is_one_plus_the_return(bought, result, trips) -> None:
    score = score_of(bought, result, trips, 20)
    if trips < 20 or bought == 0:
        assert score == ONE
    else:
        assert score == min(max((bought + result) * ONE // bought, 1), 10 * ONE)


@given(ROWS, LIMITS)
def test_who_earned_more_never_gets_less(rows, limits) -> None:
    found = shares(rows, floor=limits[0] // len(rows), cap=-(-ONE // len(rows)) + limits[1] // 2)
    for row, share in zip(rows, found, strict=True):
        for other, other_share in zip(rows, found, strict=True):
            if score_of(*row, 20) > score_of(*other, 20):
                assert share >= other_share - 1


@given(ROWS, st.integers(0, 11))
def test_more_profit_never_lowers_the_share(rows, which) -> None:
    which %= len(rows)
    before = shares(rows, floor=ONE // 50, cap=ONE)[which]
    bought, result, trips = rows[which]
    better = [*rows[:which], (bought, result + 10**14, trips), *rows[which + 1 :]]
    assert shares(better, floor=ONE // 50, cap=ONE)[which] >= before - 1


def test_three_rows_by_hand() -> None:
    # Scores 1.2, 1.0 and 0.8 of 3.0.
    assert shares(traded(20, 0, -20)) == [40_000_000, 33_333_333, 26_666_667]


def test_what_the_cap_cuts_off_goes_to_the_others_in_proportion() -> None:
    # Scores 3, 1, 0.5 of 4.5: the first would have 66.7 %. Capped at 40 %; 60 % are shared 2 : 1.
    assert shares(traded(200, 0, -50), cap=40_000_000) == [40_000_000, 40_000_000, 20_000_000]


def test_what_the_floor_lends_comes_from_the_others_in_proportion() -> None:
    # Scores 1.5, 1, 0.1 of 2.6: the last would have 3.8 %. Floored to 10 %; 90 % are shared 3 : 2.
    assert shares(traded(50, 0, -90), floor=10_000_000) == [54_000_000, 36_000_000, 10_000_000]


def test_floor_and_cap_together() -> None:
    # Scores 9, 1, 0.01: 89.9 %, 10 %, 0.1 %. Cap 50 % and floor 5 % hold, the one between gets the rest.
    assert shares(traded(800, 0, -99), floor=5_000_000, cap=50_000_000) == [50_000_000, 45_000_000, 5_000_000]


def test_a_row_with_too_few_trips_is_neutral() -> None:
    rows = [(100 * QUOTE, -90 * QUOTE, 19), (100 * QUOTE, 0, 20)]
    assert shares(rows, least_trips=20) == [50_000_000, 50_000_000]
    assert shares(rows, least_trips=19) == [9_090_909, 90_909_091]  # 0.1 and 1.0 of 1.1


def test_a_row_that_never_traded_is_neutral() -> None:
    assert shares([(0, 0, 0), (100 * QUOTE, 0, 50)], least_trips=0) == [50_000_000, 50_000_000]


def test_a_total_loss_gets_the_floor() -> None:
    assert shares(traded(0, -100), floor=5_000_000) == [95_000_000, 5_000_000]
    assert shares(traded(0, -150)) == [99_999_999, 1]  # the smallest score is 1e-8, not 0


def test_when_all_is_lost_shares_are_equal() -> None:
    assert shares(traded(-100, -120, -100)) == [33_333_333, 33_333_334, 33_333_333]


def test_a_return_above_900_percent_counts_as_900() -> None:
    assert [score_of(QUOTE, times * QUOTE // 100, 50, 20) for times in (899, 900, 901, 999)] == [999_000_000] + 3 * [
        ONE * 10
    ]
    assert shares(traded(900, 0)) == shares([(1, 10**16, 50), (QUOTE, 0, 50)]) == [90_909_091, 9_090_909]


def test_no_row_is_no_share() -> None:
    none = np.zeros(0, np.int64)
    performance_weights(none, none, none, 0, 20, 0, ONE, none)
