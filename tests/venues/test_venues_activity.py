"""What moved an account, and what a venue thinks of an order that it does not place."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from exchange import ExchangeServer
from rig import NOW_MS, Rig, rig

from trader_cli.errors import VenueError
from trader_cli.model.orders import Activity, ActivityKind, OrderState, Resolution, TicketKind

BOTH = ("kraken", "binance")
HOUR = 3_600_000


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    cash = {"kraken": {"USD": 100_000}, "binance": {"USDT": 100_000}}
    with ExchangeServer(balances=cash, now_ms=NOW_MS) as server:
        server.do("clock", advance_ms=HOUR)
        yield server


def moved(found: list[Activity], asset: str) -> Decimal:
    return sum((one.amount for one in found if one.asset == asset), Decimal(0))


def told(at: Rig, since_ms: int) -> list[Activity]:
    at.account.rules([at.symbol])
    return list(at.account.activity(since_ms, [at.symbol]))


@pytest.mark.req("R1.9")
@pytest.mark.parametrize("venue", BOTH)
def test_a_trade_by_hand_has_its_amounts_with_fees_and_no_mark_of_ours(
    venue: str, server: ExchangeServer, tmp_path: Path
) -> None:
    at = rig(server, venue, tmp_path)
    since = server.clock.now_ms()
    before = server.do("state", venue=venue)["balances"]
    server.do("order", venue=venue, symbol=at.symbol, side="buy", quantity="0.1")
    after = server.do("state", venue=venue)["balances"]
    found = told(at, since)
    base, _, quote = at.symbol.partition("/")
    assert moved(found, base) == Decimal(after[base]["total"])
    assert moved(found, quote) == Decimal(after[quote]["total"]) - Decimal(before[quote]["total"])
    assert {one.kind for one in found} == {ActivityKind.TRADE}
    assert not any(one.is_ours for one in found)
    assert all(one.text.startswith(f"bought 0.1 {at.symbol} at 50000") for one in found)
    assert {one.time_ms for one in found} == {since}
    assert len({one.reference for one in found}) == 1


@pytest.mark.parametrize("venue", BOTH)
def test_a_trade_of_ours_is_known_by_the_client_id_of_its_order(
    venue: str, server: ExchangeServer, tmp_path: Path
) -> None:
    at = rig(server, venue, tmp_path)
    since = server.clock.now_ms()
    server.do("order", venue=venue, symbol=at.symbol, side="buy", quantity="0.1")
    ticket = at.ticket(quantity="0.2")
    at.place(ticket)
    found = told(at, since)
    base = at.symbol.partition("/")[0]
    ours = [one for one in found if one.is_ours]
    assert {one.client_id for one in ours} == {ticket.client_id}
    assert moved(ours, base) <= Decimal("0.2") < moved(found, base)


def test_kraken_tells_deposits_and_withdrawals_with_their_time_and_sign(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "kraken", tmp_path)
    since = server.clock.now_ms()
    server.do("deposit", venue="kraken", asset="BTC", amount="1.5")
    server.do("clock", advance_ms=60_000)
    server.do("withdraw", venue="kraken", asset="BTC", amount="0.5")
    found = told(at, since)
    assert [(one.kind, one.asset, one.amount, one.time_ms) for one in found] == [
        (ActivityKind.DEPOSIT, "BTC", Decimal("1.5"), since),
        (ActivityKind.WITHDRAWAL, "BTC", Decimal("-0.5"), since + 60_000),
    ]
    assert at.account.untold == ""
    # Without a trade nobody asks for trades.
    assert "TradesHistory" not in at.asked


def test_what_was_before_is_left_out(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "kraken", tmp_path)
    server.do("deposit", venue="kraken", asset="BTC", amount="1")
    server.do("clock", advance_ms=1)
    assert told(at, server.clock.now_ms()) == []


def test_kraken_pages_through_more_than_fifty_entries_and_orders(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "kraken", tmp_path)
    since = server.clock.now_ms()
    for _ in range(60):
        server.do("clock", advance_ms=10_000)
        server.do("order", venue="kraken", symbol="BTC/USD", side="buy", quantity="0.001")
    found = told(at, since)
    assert moved(found, "BTC") == Decimal("0.06")
    assert len(found) == 120
    assert at.asked.count("Ledgers") == 3
    assert at.asked.count("QueryOrders") == 2


def test_binance_pages_through_more_than_a_thousand_trades(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "binance", tmp_path)
    since = server.clock.now_ms()
    server.do("set", venue="binance", taker_fee=0)
    server.do("depth", venue="binance", symbol="BTC/USDT", quantities=["0.001"] * 1_200)
    server.do("order", venue="binance", symbol="BTC/USDT", side="buy", quantity="1.1")
    found = told(at, since)
    assert moved(found, "BTC") == Decimal("1.1")
    assert at.asked.count("myTrades") == 2


def test_binance_says_what_it_does_not_tell(server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, "binance", tmp_path)
    server.do("deposit", venue="binance", asset="BTC", amount="1")
    assert told(at, NOW_MS) == []
    assert "deposits" in at.account.untold


@pytest.mark.parametrize("venue", BOTH)
def test_a13_an_answer_without_its_form_explains_nothing(venue: str, server: ExchangeServer, tmp_path: Path) -> None:
    at = rig(server, venue, tmp_path)
    at.account.rules([at.symbol])
    server.fault(venue=venue, path="Ledgers" if venue == "kraken" else "myTrades", kind="html")
    with pytest.raises(VenueError):
        at.account.activity(NOW_MS, [at.symbol])


@pytest.mark.parametrize("kind", [TicketKind.MARKET, TicketKind.LIMIT, TicketKind.IOC, TicketKind.STOP])
@pytest.mark.parametrize("venue", BOTH)
def test_an_order_that_would_be_taken_is_judged_and_not_placed(
    venue: str, kind: TicketKind, server: ExchangeServer, tmp_path: Path
) -> None:
    at = rig(server, venue, tmp_path)
    if kind is TicketKind.STOP:
        server.do("deposit", venue=venue, asset="BTC", amount=1)
        ticket = at.ticket(kind, side=-1, trigger="45000")
    else:
        ticket = at.ticket(kind, price="0" if kind is TicketKind.MARKET else "25000")
    answer = at.account.check(ticket)
    assert (answer.state, answer.venue_id) == (OrderState.OPEN, "")
    assert server.do("state", venue=venue)["orders"] == []
    assert at.accepted == {}


@pytest.mark.parametrize("venue", BOTH)
def test_an_order_that_is_too_small_is_refused_in_the_venues_words(
    venue: str, server: ExchangeServer, tmp_path: Path
) -> None:
    at = rig(server, venue, tmp_path)
    answer = at.account.check(at.ticket(TicketKind.LIMIT, quantity="0.00002", price="25000"))
    assert (answer.state, answer.pattern) == (OrderState.REJECTED, "below_minimum")
    assert ("minimum" if venue == "kraken" else "NOTIONAL") in answer.message


@pytest.mark.parametrize("venue", BOTH)
def test_b8_a_key_that_may_not_trade_is_found_before_any_order(
    venue: str, server: ExchangeServer, tmp_path: Path
) -> None:
    at = rig(server, venue, tmp_path)
    server.do("key", venue=venue, permissions=["query"])
    answer = at.account.check(at.ticket(TicketKind.LIMIT, price="25000"))
    assert answer.state is OrderState.REJECTED
    assert answer.resolution is Resolution.HALT_ALL


@pytest.mark.parametrize("venue", BOTH)
def test_an_answer_with_an_order_id_to_what_was_only_to_be_judged_is_an_open_question(
    venue: str, server: ExchangeServer, tmp_path: Path
) -> None:
    at = rig(server, venue, tmp_path)
    ticket = at.ticket(TicketKind.LIMIT, price="25000")
    method = "private_post_addorder" if venue == "kraken" else "private_post_order_test"
    real = at.account._order(ticket)
    at.account._trial = lambda _ticket: real  # type: ignore[method-assign]
    answer = at.account.check(ticket)
    assert (answer.state, answer.pattern) == (OrderState.UNKNOWN, "wrong_answer"), method
