"""R1.10: execution that tunes itself, on the edge of each limit, with the numbers in a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from trader_cli.jobs.tuning import switches
from trader_cli.stats.execution import Analytics, analytics, figures


@dataclass(frozen=True)
class Stated:
    """The limits as the configuration states them."""

    ioc_slippage_pct: Decimal = Decimal("0.1")
    min_success_pct: Decimal = Decimal(95)
    success_orders: int = 20
    minimum_buffer: Decimal = Decimal("1.1")


def known(**changed: object) -> Analytics:
    empty = analytics([])
    return replace(empty, wished=replace(figures([]), **changed))  # type: ignore[arg-type]


@pytest.mark.req("R1.10")
@pytest.mark.parametrize(("shortfall", "on"), [("0.1", False), ("0.10000001", True), ("-5", False)])
def test_slippage_above_the_limit_turns_ioc_on(shortfall: str, on: bool) -> None:
    """0.1 of 100 is the limit itself: not above it."""
    found = switches(known(filled=20, shortfall=Decimal(shortfall), expected=Decimal(100)), Stated())
    assert found.ioc is on
    assert found.minimum_buffer == 1


@pytest.mark.req("R1.10")
@pytest.mark.parametrize(("succeeded", "factor"), [(95, "1"), (94, "1.1"), (0, "1.1")])
def test_too_few_filled_orders_put_a_buffer_on_minimums(succeeded: int, factor: str) -> None:
    found = switches(known(ended=100, succeeded=succeeded), Stated())
    assert found.minimum_buffer == Decimal(factor)
    assert found.ioc is False


@pytest.mark.req("R1.10")
def test_every_switch_says_the_numbers_that_moved_it() -> None:
    found = switches(
        known(filled=25, shortfall=Decimal("0.134"), expected=Decimal(100), ended=40, succeeded=30), Stated()
    )
    assert found.reasons == (
        "IOC is on: average slippage 0.134 % over 25 orders is above 0.1 %",
        "the buffer on minimums is on (minimum x 1.1): 30 of 40 orders filled, 75 % is below 95 %",
    )
    calm = switches(known(filled=25, shortfall=Decimal(0), expected=Decimal(100), ended=25, succeeded=25), Stated())
    assert calm.reasons == (
        "IOC is off: average slippage 0 % over 25 orders is not above 0.1 %",
        "the buffer on minimums is off: 25 of 25 orders filled, 100 % is not below 95 %",
    )


@pytest.mark.req("R1.10")
def test_a_few_orders_move_nothing() -> None:
    found = switches(known(filled=19, shortfall=Decimal(50), expected=Decimal(100), ended=19, succeeded=1), Stated())
    assert (found.ioc, found.minimum_buffer) == (False, Decimal(1))
    assert found.reasons == (
        "IOC is off: 19 orders filled, slippage counts from 20",
        "the buffer on minimums is off: 19 orders ended, success counts from 20",
    )


def test_no_order_at_all_moves_nothing_even_where_none_is_asked_for() -> None:
    found = switches(analytics([]), replace(Stated(), success_orders=0))
    assert (found.ioc, found.minimum_buffer) == (False, Decimal(1))
