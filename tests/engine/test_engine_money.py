"""Exact arithmetic against Python's own integers, at sizes where a float or 64 bits would not do."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.compiler import njit
from trader_cli.model.instrument import Instrument
from trader_cli.money import (
    affordable,
    buy_price,
    cost_of,
    fee_of,
    mul_div,
    mul_div_up,
    proceeds_of,
    sell_price,
    to_units,
)


@njit
def compiled(a: int, b: int, c: int) -> tuple[int, int]:
    return mul_div(a, b, c), mul_div_up(a, b, c)


@njit
def compiled_money(price: int, quantity: int, one: int, cash: int, rate: int, lot: int) -> tuple[int, int, int, int]:
    return (
        cost_of(price, quantity, one),
        proceeds_of(price, quantity, one),
        fee_of(cash, rate),
        affordable(cash, price, rate, lot, one),
    )


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**60), st.integers(0, 2**50), st.integers(1, 10**13))
def test_mul_div_is_exact_where_the_product_needs_128_bits(a: int, b: int, c: int) -> None:
    if a * b // c < 2**62:
        assert compiled(a, b, c) == (a * b // c, -(-a * b // c))


@settings(max_examples=300, deadline=None)
@given(
    st.integers(1, 10**14),
    st.integers(1, 10**13),
    st.sampled_from([10**8, 10**10]),
    st.integers(0, 10**17),
    st.sampled_from([0, 100_000, 265_000]),
    st.sampled_from([1, 10**4, 10**8]),
)
def test_what_is_affordable_is_paid_and_one_lot_more_is_not(price, quantity, one, cash, rate, lot) -> None:
    if price * quantity // one >= 2**61 or cash * one // price >= 2**61:
        return
    cost, proceeds, fee, most = compiled_money(price, quantity, one, cash, rate, lot)
    assert cost == -(-price * quantity // one)
    assert proceeds == price * quantity // one
    assert fee == -(-cash * rate // 10**8)

    def whole(q: int) -> int:
        paid = -(-price * q // one)
        return paid + -(-paid * rate // 10**8)

    assert most % lot == 0
    assert whole(most) <= cash or most == 0
    assert whole(most + 2 * lot) > cash


def test_prices_are_rounded_to_the_tick_against_us() -> None:
    # 100 + 5 bps = 100.05 -> up to 100.1; 100 - 5 bps = 99.95 -> down to 99.9
    assert buy_price(100_0000, 50_000, 1000) == 100_1000
    assert sell_price(100_0000, 50_000, 1000) == 99_9000


def test_a_sale_brings_at_least_one_tick() -> None:
    assert sell_price(3, 0, 10) == 10


def test_the_instrument_counts_as_the_compiled_path_does() -> None:
    one = Instrument("X/USD", Decimal("0.0000000001"), Decimal("0.00000001"))
    for price in (0.00001234, 97.13, 8337.34811911, 61234.5):
        assert one.price_units(price) == to_units(price, one.price_one)
        assert one.value_units(one.price_units(price), 123_456_789) == proceeds_of(
            one.price_units(price), 123_456_789, one.price_one
        )
