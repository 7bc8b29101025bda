"""Capped fractional Kelly: against exact fractions, by its laws, and the textbook's coin."""

from __future__ import annotations

from fractions import Fraction
from math import log1p

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trader_cli.money import ONE
from trader_cli.risk.kelly import kelly_rate

pytestmark = pytest.mark.req("R4.4")

COUNT = st.integers(0, 1_000_000)
GROSS = st.integers(0, 10**15)
RATE = st.integers(0, ONE)


@given(COUNT, COUNT, GROSS, GROSS, RATE, RATE)
def test_it_is_the_formula_in_fractions_rounded_down(wins, losses, won, lost, share, cap) -> None:
    rate = kelly_rate(wins, losses, won, lost, share, cap)
    if wins == 0 or won <= lost:
        assert rate == 0
    elif losses == 0:
        assert rate == cap
    else:
        p = Fraction(wins, wins + losses)
        full = p - (1 - p) * Fraction(lost, losses) / Fraction(won, wins)
        assert rate == min(cap, int(full * share // 1))


@given(COUNT, COUNT, GROSS, GROSS, RATE, RATE)
def test_it_lies_between_nothing_and_the_cap(wins, losses, won, lost, share, cap) -> None:
    assert 0 <= kelly_rate(wins, losses, won, lost, share, cap) <= cap


@given(st.integers(1, 10**6), COUNT, GROSS, GROSS, GROSS, RATE, RATE)
def test_a_larger_loss_never_raises_it(wins, losses, won, lost, more, share, cap) -> None:
    before = kelly_rate(wins, losses, won, lost, share, cap)
    assert kelly_rate(wins, losses, won, lost + more, share, cap) <= before
    assert kelly_rate(wins, losses + 1, won, lost + more, share, cap) <= before


@given(st.integers(1, 1000), st.integers(1, 1000), GROSS, GROSS, st.integers(1, 1000), RATE)
def test_only_proportions_count(wins, losses, won, lost, times, share) -> None:
    once = kelly_rate(wins, losses, won, lost, share, ONE)
    assert kelly_rate(wins * times, losses * times, won * times, lost * times, share, ONE) == once


def test_a_fair_coin_at_two_to_one() -> None:
    # p = 1/2, b = 2: f = 1/2 - 1/2 / 2 = 1/4 (Thorp 2006). Ten wins of 2 %, ten losses of 1 %.
    assert kelly_rate(10, 10, 20_000_000, 10_000_000, ONE, ONE) == 25_000_000


def test_half_kelly_is_half_of_it() -> None:
    assert kelly_rate(10, 10, 20_000_000, 10_000_000, 50_000_000, ONE) == 12_500_000


def test_the_cap_holds() -> None:
    assert kelly_rate(10, 10, 20_000_000, 10_000_000, ONE, 20_000_000) == 20_000_000


def test_even_odds_won_60_of_100_times() -> None:
    # b = 1: f = p - q = 0.2 (Kelly 1956). 60 wins and 40 losses of 1 % each.
    assert kelly_rate(60, 40, 60_000_000, 40_000_000, ONE, ONE) == 20_000_000


def test_without_losses_it_is_the_cap_and_without_wins_nothing() -> None:
    assert kelly_rate(3, 0, 1_000, 0, 5_000_000, 7_000_000) == 7_000_000
    assert kelly_rate(0, 3, 0, 1_000, ONE, 7_000_000) == 0
    assert kelly_rate(0, 0, 0, 0, ONE, 7_000_000) == 0


def test_one_win_and_one_loss_are_counted() -> None:
    # As for the coin: p = 1/2, b = 2.
    assert kelly_rate(1, 1, 2_000_000, 1_000_000, ONE, ONE) == 25_000_000
    assert kelly_rate(1, 1, 2_000_000, 1_000_000, ONE, 1) == 1


def test_no_edge_is_nothing() -> None:
    assert kelly_rate(50, 50, 1_000, 1_000, ONE, ONE) == 0
    assert kelly_rate(90, 10, 1_000, 1_001, ONE, ONE) == 0


@given(st.integers(1, 99), st.integers(1, 99), st.integers(1, 50), st.integers(1, 50))
def test_no_neighbouring_stake_grows_faster(wins, losses, mean_win, mean_loss) -> None:
    # The claim of Kelly (1956) itself: f maximises p log(1 + b f) + q log(1 - f).
    assume(wins * mean_win > losses * mean_loss)
    rate = kelly_rate(wins, losses, wins * mean_win * 10**6, losses * mean_loss * 10**6, ONE, ONE) / ONE
    p = wins / (wins + losses)

    def growth(f):
        return p * log1p(mean_win / mean_loss * f) + (1 - p) * log1p(-f)

    for other in (rate * 0.98, rate + 0.02 * (1 - rate)):
        assert growth(other) <= growth(rate) + 1e-15
