"""The promise of `validate`: the best of 1,000 sets of parameters is refused where nothing is to be found, and passes where
something is.

A few seeds here; all 200 with `pytest -m deep` or `python -m tests.luck --seeds 200 --data FOLDER`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.luck.markets import DAYS, planted, random_walk, real_returns, shuffled
from tests.luck.rates import STRENGTH, markets, rate
from tests.luck.trial import TRIES, distinct

SLICE = range(1000, 1001)
"""Not among the 200 of the measured rates."""


@pytest.mark.req("X3")
def test_the_best_of_a_thousand_on_a_random_walk_is_refused() -> None:
    assert rate("random walk", random_walk, SLICE).passed == ()


@pytest.mark.req("X3")
def test_the_best_of_a_thousand_on_shuffled_real_days_is_refused(shared_data: Path) -> None:
    returns = real_returns(shared_data)
    assert rate("shuffled", lambda seed: shuffled(seed, returns), SLICE).passed == ()


@pytest.mark.req("X3")
def test_an_honest_edge_that_was_one_of_a_thousand_passes() -> None:
    found = rate("planted", lambda seed: planted(seed, STRENGTH), SLICE)
    assert found.passed == tuple(SLICE)


def test_a_shuffled_market_has_the_same_days_in_another_order() -> None:
    days = [np.linspace(0.9, 1.11, 200)]
    found = shuffled(3, days)
    assert np.sort(found.close[1:] / found.close[:-1])[-5:] == pytest.approx(days[0][-5:], rel=0.02)
    assert found.close[-1] == pytest.approx(100 * days[0].prod())


def test_the_thousand_sets_are_different_and_the_same_for_a_seed() -> None:
    once = distinct(5, TRIES)
    assert len({tuple(one.items()) for one in once}) == TRIES
    assert once == distinct(5, TRIES) != distinct(6, TRIES)
    assert len(planted(1, STRENGTH)) == len(random_walk(1)) == DAYS


@pytest.mark.deep
@pytest.mark.timeout(3600)
@pytest.mark.req("X3")
def test_ninety_five_of_a_hundred_lucky_ones_are_refused_and_eighty_honest_ones_pass(shared_data: Path) -> None:
    for name, market in markets(shared_data).items():
        found = rate(name, market, range(200))
        if name == "planted edge":
            assert found.refused_pct <= 20, found
        else:
            assert found.refused_pct >= 95, found
