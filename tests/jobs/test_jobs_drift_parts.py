"""The gap between two runs in parts: whatever differs between their fills, the parts sum to the whole (X7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.jobs.drift_parts import PARTS, Deal, Difference, differences, equity_of, rounded, value_of

ONE = 10**8
CASH = 1000 * ONE
MARKS = {"A": Fraction(110), "B": Fraction(7, 3)}


def deal(bar: int, side: int = 1, quantity: int = ONE, price: int = 100, fee: int = 0, **more: object) -> Deal:
    """A fill of A in main: quantity in 1e-8, price a whole number of quote, fee 1e-8 quote."""
    values = {"wallet": "main", "symbol": "A", "late": False, **more}
    return Deal(
        str(values["wallet"]), str(values["symbol"]), side, Fraction(quantity), Fraction(quantity * price),
        Fraction(fee), bar, bool(values["late"]),
    )  # fmt: skip


def parts(session: Sequence[Deal], rerun: Sequence[Deal], cause: str = "missed_fills") -> dict[str, int]:
    found: dict[str, Fraction] = {}
    for one in differences(session, rerun, MARKS, lambda _deal: cause):
        found[one.part] = found.get(one.part, Fraction(0)) + one.amount
    return {name: int(amount) for name, amount in found.items() if amount}


BOUGHT = [deal(1), deal(5, -1, price=120)]


@st.composite
def deals(draw: st.DrawFn) -> list[Deal]:
    """Fills of two symbols in two wallets, in any order of sides: what is sold need not have been bought."""
    return [
        Deal(
            draw(st.sampled_from(["main", "side"])),
            draw(st.sampled_from(["A", "B"])),
            draw(st.sampled_from([1, -1])),
            Fraction(draw(st.integers(1, 10**12))),
            Fraction(draw(st.integers(1, 10**15))),
            Fraction(draw(st.integers(0, 10**12))),
            draw(st.integers(0, 6)),
            draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 8)))
    ]


@pytest.mark.req("X7")
@given(deals(), deals(), st.randoms(use_true_random=False))
def test_the_parts_sum_to_the_gap_whatever_differs(session: list[Deal], rerun: list[Deal], random: object) -> None:
    found = differences(session, rerun, MARKS, lambda _deal: random.choice(PARTS))  # type: ignore[attr-defined]
    gap = equity_of(CASH, session, MARKS) - equity_of(CASH, rerun, MARKS)
    assert sum((one.amount for one in found), Fraction(0)) == gap
    sums = dict.fromkeys(PARTS, Fraction(0))
    for one in found:
        sums[one.part] += one.amount
    units = rounded(sums)
    assert sum(units.values()) == round(gap)
    assert all(abs(units[name] - amount) < 1 for name, amount in sums.items())


@pytest.mark.req("X7")
@given(deals())
def test_the_same_fills_have_no_gap_and_no_part(fills: list[Deal]) -> None:
    assert differences(fills, list(reversed(fills)), MARKS, lambda _deal: "vetoes") == []


@pytest.mark.req("X7")
@given(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 10**9))
def test_another_price_and_another_fee_each_stand_in_their_own_part(entry: int, exit_: int, fee: int) -> None:
    session = [deal(1, price=100 + entry, fee=fee), deal(5, -1, price=120 + exit_)]
    found = parts(session, BOUGHT)
    assert found.get("price", 0) == (exit_ - entry) * ONE
    assert found.get("fees", 0) == -fee
    assert not found.keys() - {"price", "fees"}


@pytest.mark.req("X7")
@pytest.mark.parametrize("cause", ["missed_fills", "vetoes", "data"])
def test_a_trade_that_one_run_alone_made_is_its_cause_with_its_sale(cause: str) -> None:
    assert parts([], BOUGHT, cause) == {cause: -20 * ONE}
    assert parts(BOUGHT, [], cause) == {cause: 20 * ONE}


@pytest.mark.req("X7")
def test_a_sale_has_the_reason_of_the_purchase_that_the_other_run_lacks() -> None:
    asked: list[Deal] = []

    def cause(one: Deal) -> str:
        asked.append(one)
        return "vetoes"

    found = differences([], BOUGHT, MARKS, cause)
    assert [one.part for one in found] == ["vetoes", "vetoes"]
    assert asked == [BOUGHT[0]]


@pytest.mark.req("X7")
def test_the_same_trade_in_another_bar_is_timing_and_what_it_cost_more_a_fee() -> None:
    session = [deal(1), deal(6, -1, price=115, fee=3)]
    assert parts(session, BOUGHT) == {"timing": -5 * ONE, "fees": -3}


@pytest.mark.req("X7")
def test_what_was_decided_late_is_timing_not_price() -> None:
    assert parts([replace(BOUGHT[0], notional=Fraction(101 * ONE), late=True), BOUGHT[1]], BOUGHT) == {"timing": -ONE}


@pytest.mark.req("X7")
def test_trades_with_the_other_side_between_them_are_not_the_same_trade() -> None:
    """The re-run buys at 1 and sells at 2, the session buys at 3: that is another trade."""
    found = parts([deal(3)], [deal(1), deal(2, -1, price=120)])
    assert found == {"missed_fills": (110 - 100) * ONE - 20 * ONE}


@pytest.mark.req("X7")
def test_a_part_of_a_fill_is_compared_and_the_rest_is_missing() -> None:
    """Half of it at 101 instead of 100, the other half not at all: it would be worth 10 a unit more at the last price."""
    half = deal(1, quantity=ONE // 2, price=101)
    assert parts([half], [deal(1)]) == {"price": -ONE // 2, "missed_fills": -5 * ONE}


@pytest.mark.req("X7")
def test_several_trades_of_a_decision_count_as_one_fill() -> None:
    split = [deal(1, quantity=ONE // 4, price=98), deal(1, quantity=3 * ONE // 4, price=104)]
    assert parts(split, [deal(1)]) == {"price": -(2 * 3 - 2) * ONE * 5 // 8}


def test_what_a_fill_is_worth_is_what_it_moved_less_what_it_cost() -> None:
    assert value_of(deal(1, fee=7), MARKS) == 10 * ONE - 7
    assert value_of(deal(1, -1, price=120, fee=7), MARKS) == 10 * ONE - 7


@given(st.dictionaries(st.sampled_from(PARTS), st.fractions(), min_size=1))
def test_rounding_keeps_the_sum_and_moves_no_part_by_a_unit(amounts: dict[str, Fraction]) -> None:
    units = rounded(amounts)
    assert sum(units.values()) == round(sum(amounts.values(), Fraction(0)))
    assert all(abs(units[name] - amount) <= 1 for name, amount in amounts.items())


def test_every_difference_says_where_it_is() -> None:
    (one,) = differences([], [deal(1)], MARKS, lambda _deal: "vetoes")
    assert one == Difference("vetoes", Fraction(-10 * ONE), "main", "A", 1, 1, "the re-run alone bought 1 at 100")
