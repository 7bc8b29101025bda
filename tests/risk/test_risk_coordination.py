"""Whose wish counts: tables by hand, a plain reference, and the laws (R2.6)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.risk.coordination import NOBODY, coordinate

pytestmark = pytest.mark.req("R2.6")

REPOSITORY = Path(__file__).resolve().parents[2]
LEVEL = st.sampled_from([np.nan, np.nan, np.nan, 1.0, 0.5, 0.0, -0.0, -0.5, -1.0])


@st.composite
def wishes(draw, distinct=False):
    """Levels and scores of 1 to 4 strategies over 0 to 12 bars; scores tie often, or never."""
    shape = (draw(st.integers(1, 4)), draw(st.integers(0, 12)))
    cells = shape[0] * shape[1]
    levels = draw(st.lists(LEVEL, min_size=cells, max_size=cells))
    if distinct:
        scores = draw(st.permutations(range(cells)))
    else:
        scores = draw(st.lists(st.sampled_from([0, 1, 10**11]), min_size=cells, max_size=cells))
    return np.array(levels, np.float64).reshape(shape), np.array(scores, np.int64).reshape(shape)


def winners(levels, scores):
    winner = np.full(levels.shape[1], -99, np.int64)
    coordinate(np.ascontiguousarray(levels), np.ascontiguousarray(scores), winner)
    return winner.tolist()


def reference(levels, scores):
    """The rules once more, bar by bar from the beginning, as one would explain them."""
    told = []
    for t in range(levels.shape[1]):
        contenders = []
        for k in range(levels.shape[0]):
            spoken = [i for i in range(t + 1) if levels[k, i] == levels[k, i]]
            if spoken and levels[k, spoken[-1]] != 0:
                contenders.append((scores[k, spoken[-1]], levels[k, spoken[-1]] > 0, -k))
        if contenders:
            told.append(-max(contenders)[2])
        else:
            told.append(told[-1] if told else NOBODY)
    return told


def table(*rows):
    """One row a strategy: `+7` wishes to hold with score 7, `-7` against, `0` is out, `.` says nothing."""
    words = [row.split() for row in rows]
    levels = [[np.nan if word == "." else float(np.sign(int(word))) for word in row] for row in words]
    scores = [[0 if word == "." else abs(int(word)) for word in row] for row in words]
    return " ".join("-abcd"[k + 1] for k in winners(np.array(levels), np.array(scores, np.int64)))


@given(wishes())
def test_the_winner_is_the_one_a_plain_reading_of_the_rules_gives(said) -> None:
    assert winners(*said) == reference(*said)


@given(wishes(distinct=True), st.randoms(use_true_random=False))
def test_with_distinct_scores_the_order_of_strategies_does_not_matter(said, random) -> None:
    levels, scores = said
    order = list(range(len(levels)))
    random.shuffle(order)
    shuffled = winners(levels[order], scores[order])
    assert [NOBODY if k == NOBODY else order[k] for k in shuffled] == winners(levels, scores)


@given(wishes(), st.integers(0, 12))
def test_no_winner_depends_on_a_later_bar(said, cut) -> None:
    levels, scores = said
    whole = winners(levels, scores)
    assert winners(levels[:, :cut], scores[:, :cut]) == whole[:cut]
    for poison in (np.nan, np.inf, -np.inf):
        levels[:, cut:] = poison
        scores[:, cut:] = 2**62
        assert winners(levels, scores)[:cut] == whole[:cut]


@given(wishes(), st.integers(1, 5))
def test_more_of_every_score_and_of_every_level_changes_no_winner(said, factor) -> None:
    levels, scores = said
    assert winners(levels * factor, scores * factor + factor) == winners(levels, scores)


@given(wishes())
def test_saying_the_same_again_changes_no_winner(said) -> None:
    levels, scores = said
    repeated, carried = levels.copy(), scores.copy()
    for t in range(1, levels.shape[1]):
        silent = np.isnan(repeated[:, t])
        repeated[silent, t], carried[silent, t] = repeated[silent, t - 1], carried[silent, t - 1]
    assert winners(repeated, carried) == winners(levels, scores)


@given(wishes())
def test_a_strategy_that_claims_nothing_changes_no_winner(said) -> None:
    levels, scores = said
    for nothing in (np.nan, 0.0):
        more = np.vstack([levels, np.full((1, levels.shape[1]), nothing)])
        assert winners(more, np.vstack([scores, np.full((1, levels.shape[1]), 2**62)])) == winners(levels, scores)


@given(wishes())
def test_what_the_strategies_said_is_only_read(said) -> None:
    levels, scores = said
    before = levels.copy(), scores.copy()
    winners(levels, scores)
    np.testing.assert_array_equal(levels, before[0])
    np.testing.assert_array_equal(scores, before[1])


def test_the_highest_score_wins_and_moves_with_the_scores() -> None:
    assert table("+5 +5 +5", "+4 +6 +5") == "a b a"


def test_a_level_and_its_score_stand_until_the_strategy_speaks_again() -> None:
    # b says 6 once and is silent; a passes it only with 7.
    assert table("+5 +5 +7 +5", "+6 . . .") == "b b a b"


def test_of_equal_scores_a_wish_to_hold_goes_before_one_against_then_the_earlier() -> None:
    assert table("-5", "+5") == "b"
    assert table("+5", "-5") == "a"
    assert table("+5", "+5") == "a"
    assert table("-5", "-5") == "a"
    assert table("-5", "+5", "+5", "-5") == "b"


def test_a_wish_against_with_the_higher_score_wins() -> None:
    assert table("+5 +5", "0 -6") == "a b"


def test_out_claims_nothing_whatever_its_score() -> None:
    # c is out from the start; b lets go at bar 1 and does not close what a holds.
    everyone = table("+2 . .", "+1 0 0", "0 0 0")
    assert everyone == "a a a"


def test_who_lets_go_leaves_the_symbol_to_the_next_wish() -> None:
    assert table("+5 0 .", "+4 . .") == "a b b"


def test_a_position_is_closed_by_whoever_had_it_last() -> None:
    # a opens and closes: it stays the spokesman through b's out, until b wishes; then b closes its own.
    assert table("+5 0 . . . .", "0 0 . +1 0 .") == "a a a b b b"


def test_nobody_is_the_winner_until_the_first_wish() -> None:
    assert table(". 0 . +1", ". . 0 .") == "- - - a"
    assert table(". .", "0 0") == "- -"


SCRIPT = """
import hashlib
import numpy as np
from trader_cli.compiler import INTERPRET
from trader_cli.risk.coordination import coordinate

rng = np.random.default_rng(26)
whole = hashlib.sha256()
for case in range(40):
    shape = (int(rng.integers(1, 6)), int(rng.integers(0, 300)))
    levels = rng.choice([np.nan, np.nan, 1.0, 0.5, 0.0, -0.0, -1.0], shape)
    winner = np.empty(shape[1], np.int64)
    coordinate(levels, rng.integers(0, 4, shape), winner)
    whole.update(winner.tobytes())
print(INTERPRET, whole.hexdigest())
"""


def test_compiled_and_interpreted_coordination_give_the_same_bits() -> None:
    told = []
    for interpret in ("0", "1"):
        environment = {**os.environ, "TRADER_INTERPRET": interpret}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True
        )
        told.append(done.stdout.split())
    assert [mode for mode, _ in told] == ["False", "True"]
    assert told[0][1] == told[1][1]
