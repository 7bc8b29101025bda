"""Reads: what a venue shows becomes exact and is in our names, and what it fails to show is never taken for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange import ExchangeServer
from rig import NOW_MS, Rig, rig

from trader_cli.errors import VenueError
from trader_cli.model.orders import Balance, TicketKind

VENUES = ("kraken", "binance")
MONEY = {"kraken": {"USD": 10_000, "BTC": 1}, "binance": {"USDT": 10_000, "BTC": 1}}
SPOILT = ("html", "empty", "cut", "short", "shape", "drop", "reset")
READS: dict[str, Callable[[Rig, Any], Any]] = {
    "balances": lambda desk, _: desk.account.balances(),
    "open_orders": lambda desk, _: desk.account.open_orders(),
    "find": lambda desk, order: desk.account.find(order.client_id, desk.symbol),
    "order": lambda desk, order: desk.account.order(order.venue_id, desk.symbol),
    "trades": lambda desk, order: desk.account.trades(order),
    "price": lambda desk, _: desk.account.price(desk.symbol),
    "time": lambda desk, _: desk.account.skew_ms(),
}


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(balances=MONEY, now_ms=NOW_MS) as running:
        yield running


@pytest.fixture(params=VENUES)
def desk(request: pytest.FixtureRequest, server: ExchangeServer, tmp_path: Path) -> Rig:
    made = rig(server, request.param, tmp_path)
    made.account.rules([made.symbol])
    return made


def filled(desk: Rig) -> Any:
    """Place a market order that fills at once and read it back."""
    ticket = desk.ticket()
    desk.place(ticket)
    order = desk.account.find(ticket.client_id, desk.symbol)
    assert order is not None
    return order


@pytest.mark.parametrize("kind", SPOILT)
@pytest.mark.parametrize("read", READS)
def test_a_spoilt_answer_to_a_question_is_an_error_and_never_an_empty_one(desk: Rig, read: str, kind: str) -> None:
    """A12b: ccxt gives empty lists, zero balances and `order not found` for these, without an error."""
    order = filled(desk)
    desk.server.fault(kind=kind, venue=desk.venue, times=0)
    with pytest.raises(VenueError) as caught:
        READS[read](desk, order)
    assert caught.value.pattern in ("malformed", "broken")
    assert caught.value.resolution == "retry"


@pytest.mark.parametrize("read", READS)
@pytest.mark.parametrize(
    ("status", "pattern", "resolution"), [(503, "http_5xx", "retry"), (403, "http_4xx", "skip_cycle")]
)
def test_a_page_in_answer_to_a_question_is_an_error(
    desk: Rig, read: str, status: int, pattern: str, resolution: str
) -> None:
    """B4 on reads: a plain retry later."""
    order = filled(desk)
    desk.server.fault(kind="status", status=status, venue=desk.venue, times=0)
    with pytest.raises(VenueError) as caught:
        READS[read](desk, order)
    assert (caught.value.pattern, caught.value.resolution) == (pattern, resolution)


@pytest.mark.parametrize("read", READS)
def test_a_ban_names_its_end_and_the_budget_learns_it(desk: Rig, read: str) -> None:
    """B1."""
    order = filled(desk)
    desk.server.fault(kind="status", status=429, retry_after=42, venue=desk.venue)
    with pytest.raises(VenueError) as caught:
        READS[read](desk, order)
    assert caught.value.retry_ms == NOW_MS + 42_000
    assert desk.purse.bans == [NOW_MS + 42_000]


def test_a_key_without_its_permission_halts_everything(desk: Rig) -> None:
    """B8."""
    desk.server.do("key", venue=desk.venue, permissions=["trade"])
    with pytest.raises(VenueError) as caught:
        desk.account.balances()
    assert caught.value.resolution == "halt_all"
    assert caught.value.hints


def test_an_order_that_does_not_exist_is_none_by_the_venues_own_word(desk: Rig) -> None:
    assert desk.account.find(desk.ticket().client_id, desk.symbol) is None
    expected = ["OpenOrders", "ClosedOrders"] if desk.venue == "kraken" else ["order"]
    assert desk.asked[1:] == expected
    assert desk.account.order("OABCDE-FGHIJ-KLMNOP" if desk.venue == "kraken" else "77", desk.symbol) is None


@pytest.mark.parametrize("spoilt", ["OpenOrders", "ClosedOrders"])
def test_half_a_look_up_at_kraken_proves_nothing(server: ExchangeServer, tmp_path: Path, spoilt: str) -> None:
    desk = rig(server, "kraken", tmp_path)
    desk.server.fault(path=spoilt, kind="html")
    with pytest.raises(VenueError):
        desk.account.find(desk.ticket().client_id, desk.symbol)


@pytest.mark.parametrize("kind", ["client_id", "symbol"])
def test_a_look_up_that_answers_with_something_else_is_an_error(desk: Rig, kind: str) -> None:
    """A13."""
    order = filled(desk)
    desk.server.fault(kind=kind, venue=desk.venue, times=0)
    with pytest.raises(VenueError) as caught:
        desk.account.find(order.client_id, desk.symbol)
    assert caught.value.pattern == "wrong_answer"


def test_an_order_that_reads_do_not_show_yet_is_none_and_later_found(desk: Rig) -> None:
    """C6: that is why nothing is called absent before its deadline."""
    ticket = desk.ticket(TicketKind.LIMIT, price="49000")
    desk.server.do("set", venue=desk.venue, read_lag_ms=3_000)
    venue_id = desk.place(ticket)
    assert desk.account.find(ticket.client_id, desk.symbol) is None
    desk.server.do("clock", advance_ms=3_000)
    found = desk.account.find(ticket.client_id, desk.symbol)
    assert found is not None
    assert found.venue_id == venue_id


def test_an_order_is_read_exactly_and_in_our_names(desk: Rig) -> None:
    ticket = desk.ticket(TicketKind.LIMIT, quantity="0.01234", price="48000.1")
    desk.place(ticket)
    order = desk.account.find(ticket.client_id, desk.symbol)
    assert order is not None
    assert (order.symbol, order.side, order.status, order.is_ours) == (desk.symbol, 1, "open", True)
    assert (order.quantity, order.filled) == (Decimal("0.01234"), 0)
    assert (order.price, order.trigger, order.created_ms) == (Decimal("48000.1"), 0, NOW_MS)
    assert desk.account.order(order.venue_id, desk.symbol) == order
    assert desk.account.open_orders() == [order]


def test_open_orders_show_foreign_ones_and_markets_by_our_names(desk: Rig) -> None:
    """C15, and the `XBTUSD` trap."""
    other = "ETH/USD" if desk.venue == "kraken" else "ETH/USDT"
    ours = desk.ticket(TicketKind.LIMIT, price="48000")
    desk.place(ours)
    by_hand = {"side": "buy", "quantity": "0.01", "kind": "limit", "venue": desk.venue}
    desk.server.do("order", symbol=desk.symbol, price="47000", **by_hand)
    desk.server.do("order", symbol=other, price="2000", **by_hand)
    found = desk.account.open_orders()
    assert [order.is_ours for order in found].count(True) == 1
    assert sorted(order.symbol for order in found) == sorted([desk.symbol, desk.symbol, other.replace("/", "")])
    desk.account.rules([other])
    assert sorted(order.symbol for order in desk.account.open_orders()) == sorted([desk.symbol, desk.symbol, other])


def test_two_orders_under_one_client_id_halt_everything(server: ExchangeServer, tmp_path: Path) -> None:
    """Kraken takes a client id again once its order is gone."""
    desk = rig(server, "kraken", tmp_path)
    ticket = desk.ticket()
    assert desk.place(ticket) != desk.place(ticket)
    with pytest.raises(VenueError) as caught:
        desk.account.find(ticket.client_id, desk.symbol)
    assert (caught.value.pattern, caught.value.resolution) == ("two_orders", "halt_all")


def test_balances_are_exact_in_our_names_and_without_what_is_staked(desk: Rig) -> None:
    """C14: staked coins are not for sale."""
    desk.server.do("deposit", venue=desk.venue, asset="XBT.M" if desk.venue == "kraken" else "LDBTC", amount="5")
    ticket = desk.ticket(TicketKind.LIMIT, quantity="0.1", price="40000")
    desk.place(ticket)
    money = desk.symbol.split("/")[1]
    found = desk.account.balances()
    # Kraken holds the fee of 0.4 % beside the 4,000.
    free = Decimal("5984") if desk.venue == "kraken" else Decimal(6000)
    assert found["BTC"] == Balance(Decimal(1), Decimal(1))
    assert found[money] == Balance(Decimal(10_000), free)
    assert set(found) == {"BTC", money}


def test_the_best_prices_are_the_first_with_a_quantity(desk: Rig) -> None:
    desk.server.do("book", venue=desk.venue, symbol=desk.symbol, bids=[["49999", "1"]], asks=[["50001", "2"]])
    quote = desk.account.price(desk.symbol)
    assert (quote.bid, quote.ask, quote.time_ms) == (Decimal(49_999), Decimal(50_001), NOW_MS)


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([["50001", "1"]], [["50000", "1"]]),
        ([["50000", "1"]], [["50000", "1"]]),
        ([], [["50000", "1"]]),
        ([["50000", "1"]], []),
        ([], []),
    ],
)
def test_a_crossed_one_sided_or_empty_book_has_no_price(desk: Rig, bids: list[Any], asks: list[Any]) -> None:
    """D6."""
    desk.server.do("book", venue=desk.venue, symbol=desk.symbol, bids=bids, asks=asks)
    with pytest.raises(VenueError) as caught:
        desk.account.price(desk.symbol)
    assert (caught.value.pattern, caught.value.resolution) == ("no_price", "skip_symbol")


def test_a_market_that_does_not_exist_is_skipped(desk: Rig) -> None:
    """B12."""
    with pytest.raises(VenueError) as caught:
        desk.account.price("NOPE/USD")
    assert (caught.value.pattern, caught.value.resolution) == ("unknown_market", "skip_symbol")


@pytest.mark.parametrize(("venue", "off_ms", "skew_ms"), [
    ("binance", 0, 0), ("binance", 1_500, 1_500), ("binance", -7, -7),
    # Kraken tells whole seconds: half a second either way cannot be told from none.
    ("kraken", 0, 0), ("kraken", 400, 0), ("kraken", 3_000, 2_500), ("kraken", -3_000, -3_500),
])  # fmt: skip
def test_the_skew_is_ours_minus_theirs_and_mends_our_clock(
    server: ExchangeServer, tmp_path: Path, venue: str, off_ms: int, skew_ms: int
) -> None:
    desk = rig(server, venue, tmp_path, clock=lambda: server.clock.now_ms() + off_ms)
    assert desk.account.skew_ms() == skew_ms
    assert desk.account.now_ms() == NOW_MS + off_ms - skew_ms


def test_a_clock_that_is_wrong_is_refused_and_works_once_it_is_mended(server: ExchangeServer, tmp_path: Path) -> None:
    """B7: refused unexecuted, resynced, taken with the same id."""
    desk = rig(server, "binance", tmp_path, clock=lambda: server.clock.now_ms() + 4_000)
    ticket = desk.ticket(TicketKind.LIMIT, price="49000", deadline_ms=NOW_MS + 9_000)
    first = desk.account.place(ticket)
    assert (first.pattern, first.resolution.value, desk.accepted) == ("clock", "resync", {})
    assert desk.account.skew_ms() == 4_000
    assert desk.place(ticket)


def test_two_objects_on_one_key_never_go_back_with_their_nonce(server: ExchangeServer, tmp_path: Path) -> None:
    """E12 and B7: a second object whose clock is behind goes on above the first one's nonce."""
    ahead = rig(server, "kraken", tmp_path, clock=lambda: NOW_MS + 3_600_000)
    behind = rig(server, "kraken", tmp_path)
    for desk in (ahead, behind, ahead, behind):
        desk.account.balances()
    rows = server.requests("BalanceEx")
    nonces = [int(row["params"]["nonce"]) for row in rows]
    assert nonces == sorted(set(nonces))
    assert not any(row["errors"] for row in rows)


def test_a_question_waits_its_turn_and_not_longer_than_its_answer_may_take(desk: Rig) -> None:
    desk.purse.waits = {"read": 1_500}
    desk.account.balances()
    assert desk.sleep.slept == [1.5]
    desk.purse.waits = {"read": 60_001}
    desk.account.balances()
    assert desk.sleep.slept == [1.5]


def test_load_and_waiting_are_the_budgets(desk: Rig) -> None:
    desk.purse.waits = {"place": 77}
    assert desk.account.wait_ms("place") == 77
    assert desk.account.load_pct(desk.symbol) == 12.5


def test_a_budget_that_is_used_up_stops_a_question(desk: Rig) -> None:
    desk.purse.refusal = VenueError("used up", pattern="budget")
    asked = len(desk.asked)
    with pytest.raises(VenueError, match="used up"):
        desk.account.balances()
    assert len(desk.asked) == asked


def test_key_and_secret_are_in_no_text_of_ours(server: ExchangeServer, tmp_path: Path) -> None:
    """Even when a venue sends them back."""
    desk = rig(server, "kraken", tmp_path, key="my-own-key", secret="bXktb3duLXNlY3JldA==")  # noqa: S106
    desk.server.fault(kind="error", text="EAPI:Invalid key my-own-key bXktb3duLXNlY3JldA==", times=0)
    with pytest.raises(VenueError) as caught:
        desk.account.balances()
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    texts = [str(caught.value), repr(caught.value), repr(desk.account), repr(desk.client), repr(answer)]
    for text in texts:
        assert "my-own-key" not in text
        assert "bXktb3du" not in text
    assert desk.account.account == desk.client.account
    assert len(desk.account.account) == 12
    assert caught.value.__cause__ is None


def test_ccxt_writes_nothing_to_the_log(desk: Rig, caplog: pytest.LogCaptureFixture) -> None:
    """At the level `debug` it would write keys and signatures."""
    with caplog.at_level("DEBUG"):
        desk.account.balances()
    assert not [record for record in caplog.records if record.name.startswith("ccxt")]
    assert "test-key" not in caplog.text
