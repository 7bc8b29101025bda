"""What reports gather from the ledger: sessions, positions with their live result, differences, cycles."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace

import pytest
from report_books import HELD, HOUR, NOON, ONE, Shelf, record, session, shelf, step, ticket

from trader_cli.engine import state as of
from trader_cli.jobs.overview import overview, session_report
from trader_cli.jobs.report import HaltLine, Price, cycle_lines, differences, exact, positions, session_lines
from trader_cli.model.orders import OrderState, Purpose, TicketKind
from trader_cli.model.session import Adjustment, CycleRecord


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [(0, 8, "0"), (1, 8, "0.00000001"), (-150_000_000, 8, "-1.5"), (10**8, 8, "1"), (123, 2, "1.23"), (7, 0, "7")],
)
def test_amounts_are_shown_exactly_and_without_idle_zeros(units: int, decimals: int, text: str) -> None:
    assert exact(units, decimals) == text


@pytest.mark.req("R2.4")
def test_a_position_has_its_live_result_to_the_last_unit() -> None:
    """1 BTC for 100 and 0.5 of fees is worth 110 now: 9.5, and 9.5 % of the 100."""
    (one,) = positions(shelf(), {})
    assert (one.symbol, one.wallet, one.quantity, one.entry_price) == ("BTC/USD", "main", "1", "100")
    assert (one.price, one.price_time, one.value) == ("110", "2026-01-01T12:00:00Z", "110")
    assert (one.pnl, one.pnl_pct) == ("9.5", 9.5)
    assert (one.stop, one.target, one.entry_time) == ("95", "120", "2026-01-01T07:00:00Z")


def test_what_a_partial_target_sold_already_is_in_the_result() -> None:
    """Half sold for 60, half worth 55: 115 less 100 and 0.5."""
    book = shelf()
    mine = book.all_sessions[0]
    book.all_steps[mine.run_id] = [step(mine, {0: HELD | {of.QUANTITY: ONE // 2, of.TRIP_SOLD: 60 * ONE}})]
    assert positions(book, {})[0].pnl == "14.5"


@pytest.mark.req("R2.4")
def test_a_newer_price_counts_and_an_older_one_does_not() -> None:
    newer = {("kraken", "BTC/USD"): Price(Decimal("90.5"), NOON + 1)}
    older = {("kraken", "BTC/USD"): Price(Decimal(1), NOON - 1)}
    elsewhere = {("binance", "BTC/USD"): Price(Decimal(1), NOON + 1)}
    assert (positions(shelf(), newer)[0].pnl, positions(shelf(), newer)[0].price) == ("-10", "90.5")
    assert positions(shelf(), older)[0].pnl == positions(shelf(), elsewhere)[0].pnl == "9.5"


def test_rows_of_several_wallets_keep_their_names() -> None:
    mine = session(wallets={"momentum": ("momentum",), "grid": ("grid",)})
    notes = {"openers": {"grid|ETH/USD": "grid"}}
    book = Shelf([mine], {mine.run_id: [step(mine, {3: HELD}, notes)]})
    (one,) = positions(book, {})
    assert (one.wallet, one.symbol, one.strategy, one.price) == ("grid", "ETH/USD", "grid", "50")


def test_dust_is_no_position() -> None:
    book = shelf()
    mine = book.all_sessions[0]
    book.all_steps[mine.run_id] = [step(mine, {0: {of.DUST: 5}})]
    assert positions(book, {}) == []


def test_a_position_without_cost_has_no_percentage() -> None:
    book = shelf()
    mine = book.all_sessions[0]
    book.all_steps[mine.run_id] = [step(mine, {0: {of.QUANTITY: ONE}})]
    (one,) = positions(book, {})
    assert math.isnan(one.pnl_pct)
    assert (one.stop, one.target, one.entry_time, one.exposed) == ("", "", "", False)


@pytest.mark.req("R1.7")
@pytest.mark.parametrize(
    ("state", "exposed"), [(OrderState.OPEN, False), (OrderState.UNKNOWN, True), (OrderState.CANCELLED, True)]
)
def test_a_live_position_says_whether_its_stop_is_at_the_venue(state: OrderState, exposed: bool) -> None:
    """C11, C12: a stop that vanished or whose fate is unknown protects nobody."""
    stop = ticket("stop", side=-1, kind=TicketKind.STOP, purpose=Purpose.STOP, trigger=95 * ONE, price=0, quantity=ONE)
    notes = {"protection": {"main|BTC/USD": {"stop": stop.client_id}}}
    book = shelf(all_orders=[record(stop, state, venue_id="V-9")])
    mine = book.all_sessions[0]
    book.all_steps[mine.run_id] = [step(mine, {0: HELD}, notes)]
    (one,) = positions(book, {})
    (guard,) = one.guards
    assert (guard.role, guard.level, guard.left, guard.venue_id) == ("stop", "95", "1", "V-9")
    assert one.exposed is exposed


def test_a_live_position_whose_stop_nobody_placed_is_exposed_and_a_paper_one_is_not() -> None:
    assert positions(shelf(), {})[0].exposed is True
    mine = session("paper-1", "paper")
    assert positions(Shelf([mine], {mine.run_id: [step(mine, {0: HELD})]}), {})[0].exposed is False


def test_sessions_show_their_mode_and_which_of_an_account_goes_on() -> None:
    newest, before, paper = session("b"), session("a"), session("p", "paper")
    book = Shelf([newest, paper, before], {one.run_id: [step(one)] for one in (newest, paper, before)})
    lines = [(one.run_id, one.mode, one.state) for one in session_lines(book)]
    assert lines == [("b", "live", "open"), ("p", "paper", "open"), ("a", "live", "ended")]


def test_money_that_was_adopted_is_no_result() -> None:
    """1,010 of 1,000 with 6 USD paid in and 0.01 BTC at 110 taken in: 10 less 6 less 1.1."""
    explained = [
        (NOON, Adjustment("USD", "6", "adopt", "main", "deposit")),
        (NOON, Adjustment("BTC", "0.01", "adopt", "", "found")),
        (NOON, Adjustment("USD", "50", "write_off", "", "not ours")),
        (NOON, Adjustment("DOGE", "9", "adopt", "", "nothing here is priced in it")),
    ]
    (one,) = session_lines(shelf(explained={"live-1": explained}))
    assert (one.result, one.equity) == ("2.9", "1010")
    assert one.result_pct == pytest.approx(2.9 / 1007.1 * 100)


def test_what_is_not_explained_is_told_of_open_sessions() -> None:
    book = shelf()
    mine = book.all_sessions[0]
    book.all_steps[mine.run_id] = [step(mine, notes={"unexplained": {"USD": "-5", "BTC": "0.001"}})]
    assert [(one.asset, one.amount) for one in differences(book)] == [("BTC", "0.001"), ("USD", "-5")]


def test_cycles_tell_their_length_calls_and_age() -> None:
    cycle = CycleRecord("live-1", NOON, NOON + 2500, "acted", 0, "", {"calls": {"read": 4, "place": 1}})
    bare = replace(cycle, outcome="venue", exit_code=5, message="kraken: time-out", figures={})
    found = cycle_lines(shelf(all_cycles=[cycle, bare]), 5, NOON + 62_500)
    assert [(one.seconds, one.calls, one.age_s, one.exit_code) for one in found] == [(2.5, 5, 60, 0), (2.5, -1, 60, 5)]


def test_an_overview_holds_unresolved_orders_of_sessions_that_ended_too() -> None:
    """F: whatever the venue may have is never hidden."""
    newest, before = session("b"), session("live-1")
    book = Shelf([newest, before], {one.run_id: [step(one)] for one in (newest, before)})
    book.all_orders = [record(ticket("x"), OrderState.UNKNOWN), record(ticket("y"), OrderState.REJECTED)]
    whole = overview(book, NOON + HOUR)
    assert [one.state for one in whole.unresolved] == ["unknown"]
    assert [one.run_id for one in whole.sessions] == ["b"]
    assert whole.cycles == whole.halted == ()


def test_what_is_halted_says_since_when_and_why() -> None:
    book = shelf(halts={"grid": SimpleNamespace(since_ms=NOON, reason="odd prices")})
    assert overview(book, NOON).halted == (HaltLine("grid", "2026-01-01T12:00:00Z", "odd prices"),)


def test_one_session_is_told_with_its_own_orders_only() -> None:
    first, second = session("live-1"), session("p", "paper")
    book = Shelf([first, second], {first.run_id: [step(first)], second.run_id: [step(second, {0: HELD})]})
    book.all_orders = [record(ticket("x"), OrderState.REJECTED)]
    assert [len(part) for part in (session_report(book, second, NOON, 9).orders,
                                   session_report(book, second, NOON, 9).positions,
                                   session_report(book, first, NOON, 9).orders)] == [0, 1, 1]  # fmt: skip
