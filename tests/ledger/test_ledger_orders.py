"""Orders: written before anybody hears of them, followed to their end, closed once all that filled is booked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from sessions_book import live_records, opening_of, record, session_of, ticket

from trader_cli.errors import DataError, LeaseError
from trader_cli.ledger import Ledger
from trader_cli.model.orders import OrderState
from trader_cli.model.session import OrderEvent

URL = "sqlite:///trader.db"
RUN = record(1, 12)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    opened = Ledger.open(URL, tmp_path)
    opened.open_session(session_of(RUN, "live", "kraken", "a1"), opening_of(RUN))
    yield opened
    opened.close()


def event(client_id: str, state: OrderState, venue_id: str = "", filled: int = 0, message: str = "") -> OrderEvent:
    return OrderEvent(client_id, 77, state, venue_id, filled, message)


@pytest.mark.req("X2")
def test_an_order_is_known_as_sending_before_anybody_hears_of_it(ledger: Ledger) -> None:
    one = ticket(RUN.run_id, 1)
    assert ledger.add_ticket(one)
    found = ledger.order(one.client_id)
    assert found is not None
    assert found.ticket == one
    assert (found.state, found.venue_id, found.filled, found.booked) == (OrderState.SENDING, "", 0, 0)
    assert [(e.state, e.time_ms) for e in found.events] == [(OrderState.SENDING, one.created_ms)]
    assert ledger.orders(RUN.run_id) == ledger.orders(RUN.run_id, open_only=True) == [found]


@pytest.mark.req("X2")
def test_the_same_decision_is_written_once_a15(ledger: Ledger) -> None:
    one = ticket(RUN.run_id, 1)
    assert ledger.add_ticket(one)
    assert not ledger.add_ticket(one)
    assert not ledger.add_ticket(replace(one, quantity=5, created_ms=9))
    assert [order.ticket for order in ledger.orders(RUN.run_id)] == [one]


def test_a_ticket_that_nobody_could_find_again_is_refused(ledger: Ledger) -> None:
    one = ticket(RUN.run_id, 1)
    with pytest.raises(DataError, match="does not follow from the key"):
        ledger.add_ticket(replace(one, client_id="7adec0de-0000-4000-a000-000000000000"))
    with pytest.raises(DataError, match="quantity 0"):
        ledger.add_ticket(replace(one, quantity=0))
    with pytest.raises(DataError, match="there is no session `other`"):
        ledger.add_ticket(replace(one, run_id="other"))
    assert ledger.orders(RUN.run_id) == []


def test_what_is_learned_of_an_order_is_what_is_known_of_it(ledger: Ledger) -> None:
    one = ticket(RUN.run_id, 1)
    ledger.add_ticket(one)
    ledger.note_orders([event(one.client_id, OrderState.UNKNOWN, message="timed out")])
    ledger.note_orders(
        [event(one.client_id, OrderState.OPEN, "OABC-1", 30), event(one.client_id, OrderState.OPEN, "", 10)]
    )
    found = ledger.order(one.client_id)
    assert found is not None
    # The venue's id stays known, and what traded, traded: a read that lags behind changes nothing.
    assert (found.state, found.venue_id, found.filled, found.booked) == (OrderState.OPEN, "OABC-1", 30, 0)
    assert [e.message for e in found.events] == ["", "timed out", "", ""]
    assert ledger.find_orders("OABC") == ledger.find_orders(one.client_id[:12]) == [found]
    assert ledger.find_orders("") == ledger.find_orders("%") == ledger.find_orders("nothing") == []
    assert ledger.order("nothing") is None


@pytest.mark.parametrize("end", [OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.ABSENT])
def test_a_final_state_never_changes(ledger: Ledger, end: OrderState) -> None:
    one, other = ticket(RUN.run_id, 1), ticket(RUN.run_id, 2)
    ledger.add_ticket(one)
    ledger.add_ticket(other)
    ledger.note_orders([event(one.client_id, end, "V1")])
    before = ledger.orders(RUN.run_id)
    for state in set(OrderState) - {end}:
        with pytest.raises(DataError, match=f"ended as {end}"):
            ledger.note_orders([event(other.client_id, OrderState.OPEN, "V2"), event(one.client_id, state)])
    assert ledger.orders(RUN.run_id) == before
    ledger.note_orders([event(one.client_id, end, "V1")])
    assert ledger.orders(RUN.run_id) == before


def test_an_order_nobody_wrote_down_and_a_second_sending_are_refused(ledger: Ledger) -> None:
    with pytest.raises(DataError, match="there is no order `x`"):
        ledger.note_orders([event("x", OrderState.OPEN)])
    one = ticket(RUN.run_id, 1)
    ledger.add_ticket(one)
    ledger.note_orders([event(one.client_id, OrderState.OPEN, "V1")])
    with pytest.raises(DataError, match="cannot be sent again"):
        ledger.note_orders([event(one.client_id, OrderState.SENDING)])


@pytest.mark.req("X2")
def test_an_order_stays_open_until_all_that_filled_is_booked_a5(ledger: Ledger) -> None:
    tickets, (step,) = live_records(RUN, (12,))
    for one in tickets:
        ledger.add_ticket(one)
        ledger.note_orders([event(one.client_id, OrderState.FILLED, f"V-{one.client_id}", one.quantity)])
    assert len(ledger.orders(RUN.run_id, open_only=True)) == 12
    # The end of each is known already: the step brings its trades only.
    ledger.write_step(RUN.run_id, replace(step, outcomes=()))
    assert ledger.orders(RUN.run_id, open_only=True) == []
    for one in ledger.orders(RUN.run_id):
        assert one.booked == one.filled == one.ticket.quantity
    assert ledger.trade_ids(RUN.run_id) == {f"T{i}" for i in range(12)}
    assert ledger.trade_ids(RUN.run_id, "S0/USD") == {
        f"T{i}" for i, one in enumerate(tickets) if one.symbol == "S0/USD"
    }


def test_a_partial_fill_leaves_its_order_open_c1(ledger: Ledger) -> None:
    tickets, (step,) = live_records(RUN, (1,))
    asked = replace(tickets[0], quantity=tickets[0].quantity + 1)
    ledger.add_ticket(asked)
    (fill,) = step.venue_fills
    assert fill is not None
    filled = tickets[0].quantity
    ledger.write_step(RUN.run_id, replace(step, outcomes=()))
    (found,) = ledger.orders(RUN.run_id, open_only=True)
    assert (found.state, found.filled, found.booked) == (OrderState.SENDING, filled, filled)
    ledger.note_orders([event(asked.client_id, OrderState.CANCELLED, "V1", filled)])
    assert ledger.orders(RUN.run_id, open_only=True) == []


def test_venue_fills_are_read_with_their_order_and_their_fill(ledger: Ledger) -> None:
    tickets, (step,) = live_records(RUN, (12,))
    for one in tickets:
        ledger.add_ticket(one)
    ledger.write_step(RUN.run_id, step)
    rows = ledger.venue_fills(RUN.run_id)
    for row, one, told, i in zip(rows, tickets, step.venue_fills, range(12), strict=True):
        assert told is not None
        assert {name: row[name] for name in told.trade.__dataclass_fields__} == told.trade.__dict__
        assert all(isinstance(row[name], Decimal) for name in ("quantity", "price", "cost", "fee"))
        assert (row["client_id"], row["wallet"], row["arrival"]) == (one.client_id, one.wallet, one.arrival)
        assert row["booked_quantity"] == int(RUN.fills.quantity[i])
        assert row["booked_fee"] == int(RUN.fills.fee[i])


@pytest.mark.req("X2")
def test_a_trade_is_booked_once_whichever_session_and_order_it_is_shown_for_c7(ledger: Ledger) -> None:
    tickets, (step,) = live_records(RUN, (12,))
    for one in tickets:
        ledger.add_ticket(one)
    ledger.write_step(RUN.run_id, step)
    second = record(1, 12, run_id="second")
    ledger.open_session(session_of(second, "live", "kraken", "a1"), opening_of(second))
    tickets, (again,) = live_records(second, (12,))
    for one in tickets:
        ledger.add_ticket(one)
    with pytest.raises(DataError, match="booked already"):
        ledger.write_step("second", again)
    assert ledger.last_step("second").seq == 0


def test_a_trade_must_be_what_its_order_asked_for(ledger: Ledger) -> None:
    tickets, (step,) = live_records(RUN, (1,))
    (fill,) = step.venue_fills
    assert fill is not None
    with pytest.raises(DataError, match="never wrote down"):
        ledger.write_step(RUN.run_id, replace(step, outcomes=()))
    ledger.add_ticket(tickets[0])
    for trade in (replace(fill.trade, symbol="S9/USD"), replace(fill.trade, side=-1)):
        with pytest.raises(DataError, match="its order"):
            ledger.write_step(RUN.run_id, replace(step, venue_fills=(replace(fill, trade=trade),)))
    more = replace(fill.trade, quantity=fill.trade.quantity + Decimal("0.00000001"))
    with pytest.raises(DataError, match="asked were"):
        ledger.write_step(RUN.run_id, replace(step, venue_fills=(replace(fill, trade=more),)))
    assert ledger.last_step(RUN.run_id).seq == 0
    ledger.write_step(RUN.run_id, step)


@pytest.mark.req("X2")
def test_of_two_sessions_of_one_account_only_the_newer_may_ask_and_step_a15(ledger: Ledger) -> None:
    """Two runs that both saw no session, and both began one: one of them acts."""
    second = record(2, 12, run_id="second")
    ledger.open_session(session_of(second, "live", "kraken", "a1"), opening_of(second))
    with pytest.raises(LeaseError, match="another run began the session `second`"):
        ledger.add_ticket(ticket(RUN.run_id, 1))
    tickets, (step,) = live_records(RUN, (0,))
    with pytest.raises(LeaseError, match="another run began"):
        ledger.write_step(RUN.run_id, step)
    assert ledger.add_ticket(ticket("second", 1))


@pytest.mark.req("X2")
def test_a_session_is_never_another_modes_exchanges_or_accounts_e16(ledger: Ledger) -> None:
    for i, (mode, exchange, account) in enumerate(
        [("paper", "kraken", ""), ("live", "binance", "a1"), ("live", "kraken", "a2"), ("paper", "replay:kraken", "x")]
    ):
        run = record(1, 0, run_id=f"other-{i}")
        ledger.open_session(session_of(run, mode, exchange, account), opening_of(run))
    found = ledger.session("live", "kraken", "a1")
    assert found is not None
    assert found.run_id == RUN.run_id
    for wrong in (
        ("paper", "kraken", "a1"),
        ("live", "replay:kraken", "x"),
        ("live", "kraken", ""),
        ("live", "Kraken", "a1"),
    ):
        assert ledger.session(*wrong) is None
