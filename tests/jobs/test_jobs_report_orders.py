"""Orders as a report lists them: open questions first, whose they were, and what execution analytics make of them."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from report_books import HOUR, NOON, ONE, Shelf, record, session, shelf, step, ticket, trip_row, venue_fill

from trader_cli.jobs.report_orders import execution, execution_row, order_lines, unresolved_lines
from trader_cli.jobs.tuning import Limits
from trader_cli.model.orders import OrderState

NOW = NOON + HOUR


class Stated:
    """The limits as the configuration states them."""

    ioc_slippage_pct = Decimal("0.1")
    min_success_pct = Decimal(95)
    success_orders = 1
    minimum_buffer = Decimal("1.1")


def limits() -> Limits:
    return Stated()  # type: ignore[return-value]


def some() -> Shelf:
    """Two filled, one working, one of unknown fate, one being sent, one whose fills are not all booked."""
    names = {
        "old": OrderState.FILLED,
        "new": OrderState.REJECTED,
        "works": OrderState.OPEN,
        "lost": OrderState.UNKNOWN,
        "sent": OrderState.SENDING,
        "late": OrderState.FILLED,
    }
    orders = [
        record(
            ticket(name, created_ms=NOON + 1000 * i, symbol="ETH/USD" if name == "works" else "BTC/USD"),
            state,
            filled=2 * ONE if state is OrderState.FILLED else 0,
            booked=ONE if name == "late" else None,
        )
        for i, (name, state) in enumerate(names.items())
    ]
    return shelf(all_orders=orders)


def named(book: Shelf, **asked: object) -> list[str]:
    keys = {one.ticket.client_id: one.ticket.key.rpartition("|")[2] for one in book.all_orders}
    return [keys[one.client_id] for one in order_lines(book, NOW, **asked)]  # type: ignore[arg-type]


def test_unresolved_orders_come_first_then_open_ones_then_the_newest_that_ended() -> None:
    """F: the limit never cuts what is open."""
    assert named(some(), limit=9) == ["lost", "sent", "late", "works", "new", "old"]
    assert named(some(), limit=1) == ["lost", "sent", "late", "works", "new"]
    assert named(some(), open_only=True) == ["lost", "sent", "late", "works"]
    assert named(some(), symbol="ETH/USD", limit=9) == ["works"]
    assert [one.state for one in unresolved_lines(some(), NOW)] == ["unknown", "sending"]


def test_a_line_has_the_order_s_life_in_exact_amounts() -> None:
    asked = ticket("a")
    book = shelf(all_orders=[record(asked, OrderState.CANCELLED, filled=ONE, venue_id="O-1", message="bar over")])
    book.trades["live-1"] = [venue_fill(asked, 4, "1", "100.5")]
    (one,) = order_lines(book, NOW, limit=1)
    assert (one.quantity, one.filled, one.filled_pct, one.average, one.slippage_bps) == ("2", "1", 50.0, 100.5, 50.0)
    assert (one.price, one.trigger, one.arrival, one.side) == ("101", "", "100", "buy")
    assert (one.reason, one.purpose, one.message, one.age_s) == ("strategy", "entry", "bar over", 3599)
    assert [(each.time, each.state, each.filled) for each in one.events] == [
        ("2026-01-01T12:00:01Z", "sending", "0"),
        ("2026-01-01T12:00:01Z", "cancelled", "1"),
    ]


@pytest.mark.req("R2.9")
def test_an_order_belongs_to_the_strategy_of_its_round_trip_else_to_the_opener_else_to_the_wallet() -> None:
    mine = session(wallets={"main": ("momentum", "grid")})
    asked = [ticket(name, bar_ms=bar) for name, bar in (("in", NOON), ("after", NOON + 9 * HOUR))]
    book = Shelf([mine], {mine.run_id: [step(mine)]}, [record(one, OrderState.REJECTED) for one in asked])
    book.tables["trades", "live-1"] = [trip_row(strategy="grid")]
    assert [one.strategy for one in order_lines(book, NOW, limit=9)] == ["grid", "momentum,grid"]
    book.all_steps[mine.run_id] = [step(mine, notes={"openers": {"main|BTC/USD": "momentum"}})]
    assert [one.strategy for one in order_lines(book, NOW, limit=9)] == ["grid", "momentum"]


@pytest.mark.req("R2.9")
@pytest.mark.req("R1.10")
def test_execution_tells_figures_switches_and_what_each_strategy_brought() -> None:
    asked = ticket("a")
    book = shelf(all_orders=[record(asked, OrderState.FILLED, filled=2 * ONE, venue_id="O-1")])
    book.trades["live-1"] = [venue_fill(asked, 4, "2", "100.5")]
    book.tables["trades", "live-1"] = [trip_row(), trip_row(pnl=-ONE)]
    row = execution_row(execution(book, limits()))
    assert row["total"]["slippage_bps"] == 50.0
    assert (row["total"]["notional"], row["total"]["shortfall"], row["total"]["fees"]) == (
        "201",
        "1",
        {"USD": "0.2"},
    )
    assert list(row["by_strategy"]) == ["momentum"]
    assert row["switches"]["ioc"] is True
    assert row["switches"]["minimum_buffer"] == "1"
    assert row["switches"]["reasons"][0] == "IOC is on: average slippage 0.5 % over 1 order is above 0.1 %"
    assert row["attribution"] == [
        {"strategy": "momentum", "quote": "USD", "trades": 2, "wins": 1, "pnl": "1", "fees": "2"}
    ]
    json.dumps(row)


def test_without_orders_there_are_figures_that_say_so() -> None:
    row = execution_row(execution(shelf(), limits()))
    assert row["total"]["orders"] == 0
    assert math.isnan(row["total"]["success_pct"])
    assert row["by_symbol"] == {}
