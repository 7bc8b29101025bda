"""Orders of every kind as the venues get them, and their trades and cancellations as we get them back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from exchange import ExchangeServer
from rig import NOW_MS, Rig, rig

from trader_cli.errors import VenueError
from trader_cli.model.orders import Cancelled, OrderState, TicketKind, VenueOrder

VENUES = ("kraken", "binance")
MONEY = {"kraken": {"USD": 10_000, "BTC": 1}, "binance": {"USDT": 10_000, "BTC": 1}}


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(balances=MONEY, now_ms=NOW_MS) as running:
        yield running


@pytest.fixture(params=VENUES)
def desk(request: pytest.FixtureRequest, server: ExchangeServer, tmp_path: Path) -> Rig:
    made = rig(server, request.param, tmp_path)
    made.account.rules([made.symbol])
    return made


def sent(desk: Rig) -> dict[str, Any]:
    """Return the parameters of the newest request."""
    params: dict[str, Any] = desk.server.requests(venue=desk.venue)[-1]["params"]
    return {key: value for key, value in params.items() if key not in ("nonce", "timestamp")}


def read(desk: Rig, client_id: str) -> VenueOrder:
    order = desk.account.find(client_id, desk.symbol)
    assert order is not None
    return order


KRAKEN_FORMS = [
    (TicketKind.MARKET, {}, {"ordertype": "market"}),
    (TicketKind.LIMIT, {"price": "48000.5"}, {"ordertype": "limit", "price": "48000.5"}),
    (TicketKind.IOC, {"price": "50100"}, {"ordertype": "limit", "price": "50100", "timeinforce": "IOC"}),
    (TicketKind.STOP, {"trigger": "45000.1", "side": -1}, {"ordertype": "stop-loss", "price": "45000.1"}),
]
BINANCE_FORMS = [
    (TicketKind.MARKET, {}, {"type": "MARKET"}),
    (TicketKind.LIMIT, {"price": "48000.5"}, {"type": "LIMIT", "price": "48000.5", "timeInForce": "GTC"}),
    (TicketKind.IOC, {"price": "50100"}, {"type": "LIMIT", "price": "50100", "timeInForce": "IOC"}),
    (TicketKind.STOP, {"trigger": "45000.1", "side": -1}, {"type": "STOP_LOSS", "stopPrice": "45000.1"}),
]  # fmt: skip


@pytest.mark.req("R1.5")
@pytest.mark.parametrize(("kind", "asked", "form"), KRAKEN_FORMS)
def test_what_kraken_is_sent(
    server: ExchangeServer, tmp_path: Path, kind: TicketKind, asked: dict[str, Any], form: dict[str, str]
) -> None:
    desk = rig(server, "kraken", tmp_path)
    ticket = desk.ticket(kind, quantity="0.01230000", **asked)
    desk.place(ticket)
    assert sent(desk) == form | {
        "pair": "XBTUSD",
        "type": "buy" if ticket.side > 0 else "sell",
        "volume": "0.0123",
        "cl_ord_id": ticket.client_id,
        "oflags": "fciq",
        # 1,790,000,000 s and the five of the deadline.
        "deadline": "2026-09-21T14:13:25.000Z",
    }


@pytest.mark.req("R1.5")
@pytest.mark.parametrize(("kind", "asked", "form"), BINANCE_FORMS)
def test_what_binance_is_sent(
    server: ExchangeServer, tmp_path: Path, kind: TicketKind, asked: dict[str, Any], form: dict[str, str]
) -> None:
    """A market order carries no price and no amount of quote."""
    desk = rig(server, "binance", tmp_path)
    desk.account.rules([desk.symbol])
    ticket = desk.ticket(kind, quantity="0.01230000", deadline_ms=NOW_MS + 3_000, **asked)
    desk.place(ticket)
    params = sent(desk)
    assert params == form | {
        "symbol": "BTCUSDT",
        "side": "BUY" if ticket.side > 0 else "SELL",
        "quantity": "0.0123",
        "newClientOrderId": ticket.client_id,
        "recvWindow": "3000",
    }
    assert server.requests("/order")[-1]["params"]["timestamp"] == str(NOW_MS)


def test_a_far_deadline_is_brought_into_what_the_venue_takes(desk: Rig) -> None:
    """An earlier moment is as safe; Kraken takes a minute at most, Binance our window."""
    desk.place(desk.ticket(TicketKind.LIMIT, price="49000", deadline_ms=NOW_MS + 600_000))
    params = sent(desk)
    if desk.venue == "kraken":
        assert params["deadline"] == "2026-09-21T14:14:19.000Z"
    else:
        assert params["recvWindow"] == "5000"


@pytest.mark.parametrize(
    ("units", "decimals", "text"),
    [
        (1, 8, "0.00000001"),
        (123_456_789_012_345_678, 8, "1234567890.12345678"),
        (150_000_000, 8, "1.5"),
        (100_000_000, 8, "1"),
        (1, 12, "0.000000000001"),
        (7, 0, "7"),
    ],
)
def test_whole_units_become_exact_text(units: int, decimals: int, text: str) -> None:
    from trader_cli.venues.answers import units as to_text

    assert to_text(units, decimals) == text


def test_a_market_without_stops_at_market_gets_one_with_a_limit_below(server: ExchangeServer, tmp_path: Path) -> None:
    """2 % below 45,000.15 is 44,100.147; on ticks of 0.01 that is 44,100.14."""
    desk = rig(server, "binance", tmp_path)
    entry = dict(desk.rulebook.raw([desk.symbol])[desk.symbol])
    kinds = [kind for kind in entry["orderTypes"] if kind != "STOP_LOSS"]

    class Limited:
        def raw(self, symbols: Any) -> Any:
            return {desk.symbol: entry | {"orderTypes": kinds}}

        def rules(self, symbols: Any) -> Any:
            return desk.rulebook.rules(symbols)

        def refresh(self) -> None:
            pass

    desk.account._rulebook = Limited()
    ticket = desk.ticket(TicketKind.STOP, side=-1, trigger="45000.15")
    desk.place(ticket)
    params = sent(desk)
    assert (params["type"], params["stopPrice"], params["price"], params["timeInForce"]) == (
        "STOP_LOSS_LIMIT", "45000.15", "44100.14", "GTC",
    )  # fmt: skip
    order = read(desk, ticket.client_id)
    assert (order.trigger, order.price) == (Decimal("45000.15"), Decimal("44100.14"))


def test_a_stop_that_waits_is_open_with_its_trigger_and_sells_when_it_is_reached(desk: Rig) -> None:
    """C10: filled while nobody looked."""
    ticket = desk.ticket(TicketKind.STOP, side=-1, quantity="0.5", trigger="48000")
    desk.place(ticket)
    waiting = read(desk, ticket.client_id)
    assert (waiting.is_working, waiting.trigger, waiting.price, waiting.side) == (True, Decimal(48_000), 0, -1)
    desk.server.do("price", venue=desk.venue, symbol=desk.symbol, price="47900")
    gone = read(desk, ticket.client_id)
    assert (gone.status, gone.filled) == ("closed", Decimal("0.5"))
    assert sum(trade.quantity for trade in desk.account.trades(gone)) == Decimal("0.5")


def test_a_stop_that_would_trigger_at_once_is_told_apart(server: ExchangeServer, tmp_path: Path) -> None:
    """B14."""
    desk = rig(server, "binance", tmp_path)
    answer = desk.account.place(desk.ticket(TicketKind.STOP, side=-1, trigger="50500"))
    assert (answer.state, answer.pattern) == (OrderState.REJECTED, "would_trigger")


def test_an_ioc_that_filled_in_part_is_over_with_what_it_filled(desk: Rig) -> None:
    """C2."""
    desk.server.do("book", venue=desk.venue, symbol=desk.symbol, bids=[["49990", "5"]], asks=[["50000", "0.004"]])
    ticket = desk.ticket(TicketKind.IOC, quantity="0.01", price="50000")
    desk.place(ticket)
    order = read(desk, ticket.client_id)
    assert order.status in ("cancelled", "expired")
    assert not order.is_working
    assert order.filled == Decimal("0.004")


def test_trades_are_exact_with_the_fee_in_its_asset(desk: Rig) -> None:
    """C9: Kraken's 0.4 % of 500 in quote; Binance's 0.1 % of the bought coin."""
    desk.server.do("book", venue=desk.venue, symbol=desk.symbol, bids=[["49990", "5"]], asks=[["50000", "5"]])
    ticket = desk.ticket()
    desk.place(ticket)
    (trade,) = desk.account.trades(read(desk, ticket.client_id))
    assert (trade.symbol, trade.side, trade.quantity, trade.price) == (desk.symbol, 1, Decimal("0.01"), Decimal(50_000))
    assert (trade.cost, trade.time_ms, trade.maker) == (Decimal(500), NOW_MS, False)
    expected = (Decimal(2), "USD") if desk.venue == "kraken" else (Decimal("0.00001"), "BTC")
    assert (trade.fee, trade.fee_asset) == expected


def test_a_fee_in_a_third_asset_keeps_its_name(server: ExchangeServer, tmp_path: Path) -> None:
    """C9."""
    desk = rig(server, "binance", tmp_path)
    server.do("deposit", venue="binance", asset="BNB", amount=1)
    server.do("set", venue="binance", bnb_fees=True)
    ticket = desk.ticket()
    desk.place(ticket)
    assert desk.account.trades(read(desk, ticket.client_id))[0].fee_asset == "BNB"


def test_a_fee_in_base_at_kraken_is_known_from_the_order(server: ExchangeServer, tmp_path: Path) -> None:
    """C9: the trade does not say; an order placed otherwise than ours has it."""
    desk = rig(server, "kraken", tmp_path)
    answer = desk.client.exchange.private_post_addorder(
        {"pair": "XBTUSD", "type": "buy", "ordertype": "market", "volume": "0.01", "oflags": "fcib"}
    )
    order = VenueOrder(
        answer["result"]["txid"][0], "", "BTC/USD", 1, "closed", *[Decimal("0.01")] * 2, *[Decimal(0)] * 2, 0
    )
    (trade,) = desk.account.trades(order)
    assert (trade.fee, trade.fee_asset) == (Decimal("0.00004"), "BTC")


def test_trades_over_many_pages_come_each_once_and_only_the_orders_own(server: ExchangeServer, tmp_path: Path) -> None:
    """C7: 120 fills of ours between as many of others, 50 on a page."""
    desk = rig(server, "kraken", tmp_path)
    ticket = desk.ticket(TicketKind.LIMIT, quantity="0.12", price="49000")
    desk.place(ticket)
    for _ in range(120):
        server.do("clock", advance_ms=1_000)
        server.do("fill", venue="kraken", order=ticket.client_id, quantity="0.001")
        server.do("order", venue="kraken", symbol="BTC/USD", side="sell", quantity="0.0001")
    trades = desk.account.trades(read(desk, ticket.client_id))
    assert len({trade.trade_id for trade in trades}) == len(trades) == 120
    assert sum(trade.quantity for trade in trades) == Decimal("0.12")
    assert [trade.time_ms for trade in trades] == sorted(trade.time_ms for trade in trades)
    assert len(server.requests("TradesHistory")) == 5


def test_trades_of_a_binance_order_beyond_one_page(server: ExchangeServer, tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """C7, with a page of three: the newest three, then all seven from the first on."""
    monkeypatch.setattr("trader_cli.venues.binance._PAGE", 3)
    desk = rig(server, "binance", tmp_path)
    ticket = desk.ticket(TicketKind.LIMIT, quantity="0.07", price="49000")
    desk.place(ticket)
    for _ in range(7):
        server.do("fill", venue="binance", order=ticket.client_id, quantity="0.01")
    trades = desk.account.trades(read(desk, ticket.client_id))
    assert len({trade.trade_id for trade in trades}) == len(trades) == 7
    assert len(server.requests("myTrades")) == 4


def test_an_order_shows_a_fill_before_its_trade_exists(desk: Rig) -> None:
    """C8: the two are given as they are; whoever closes books waits until they agree."""
    desk.server.do("set", venue=desk.venue, trade_lag_ms=2_000)
    ticket = desk.ticket()
    desk.place(ticket)
    order = read(desk, ticket.client_id)
    assert order.filled == Decimal("0.01")
    assert desk.account.trades(order) == []
    desk.server.do("clock", advance_ms=2_000)
    assert sum(trade.quantity for trade in desk.account.trades(order)) == order.filled


def test_a_trade_of_another_market_under_our_order_is_not_believed(desk: Rig) -> None:
    """A13."""
    ticket = desk.ticket()
    desk.place(ticket)
    order = read(desk, ticket.client_id)
    desk.server.fault(path="TradesHistory" if desk.venue == "kraken" else "*/myTrades", kind="symbol")
    with pytest.raises(VenueError) as caught:
        desk.account.trades(order)
    assert caught.value.pattern == "wrong_answer"


def test_more_filled_than_asked_is_not_believed(desk: Rig) -> None:
    ticket = desk.ticket(TicketKind.LIMIT, price="49000")
    desk.place(ticket)
    order = read(desk, ticket.client_id)
    with pytest.raises(Exception, match="more is filled"):
        desk.account._noted(replace(order, filled=Decimal("0.02")))


def test_a_cancelled_order_is_done_and_another_one_untouched(desk: Rig) -> None:
    ours, other = (desk.ticket(TicketKind.LIMIT, price="49000") for _ in range(2))
    venue_id = desk.place(ours)
    desk.place(other)
    assert desk.account.cancel(venue_id, desk.symbol) is Cancelled.DONE
    assert read(desk, ours.client_id).status == "cancelled"
    assert read(desk, other.client_id).status == "open"


def test_an_order_that_filled_before_its_cancellation_is_gone(desk: Rig) -> None:
    """C4."""
    ticket = desk.ticket(TicketKind.LIMIT, price="49000")
    venue_id = desk.place(ticket)
    desk.server.do("fill", venue=desk.venue, order=venue_id)
    assert desk.account.cancel(venue_id, desk.symbol) is Cancelled.GONE
    assert read(desk, ticket.client_id).filled == Decimal("0.01")


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("fault", [{"kind": "drop"}, {"kind": "html"}, {"kind": "shape"}, {"kind": "status", "status": 504},
                                   {"kind": "cut"}, {"kind": "reset"}])  # fmt: skip
def test_a_cancellation_without_a_clear_answer_is_unknown(desk: Rig, fault: dict[str, Any], acts: bool) -> None:
    """C5."""
    venue_id = desk.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    path, method = ("CancelOrder", "POST") if desk.venue == "kraken" else ("*/order", "DELETE")
    desk.server.fault(path=path, method=method, acts=acts, **fault)
    assert desk.account.cancel(venue_id, desk.symbol) is Cancelled.UNKNOWN


def test_a_cancellation_that_is_certainly_refused_is_an_error(desk: Rig) -> None:
    venue_id = desk.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    desk.server.do("key", venue=desk.venue, revoked=True)
    with pytest.raises(VenueError) as caught:
        desk.account.cancel(venue_id, desk.symbol)
    assert caught.value.resolution == "halt_all"


def test_a_cancellation_is_counted_by_the_age_of_its_order(desk: Rig) -> None:
    """An order whose beginning was not read is taken for new, which costs most."""
    first, second = (desk.ticket(TicketKind.LIMIT, price="49000") for _ in range(2))
    ids = [desk.place(first), desk.place(second)]
    read(desk, first.client_id)
    desk.server.do("clock", advance_ms=400_000)
    for venue_id in ids:
        desk.account.cancel(venue_id, desk.symbol)
    assert desk.purse.spent[-2:] == ["cancel", "cancel"]
    assert desk.purse.ages[-2:] == [400_000, 0]


def pair(desk: Rig) -> tuple[Any, Any]:
    stop = desk.ticket(TicketKind.STOP, side=-1, quantity="0.2", trigger="48000")
    return stop, desk.ticket(TicketKind.LIMIT, side=-1, quantity="0.2", price="52000")


def test_a_pair_is_one_request_and_two_orders_found_by_their_own_ids(server: ExchangeServer, tmp_path: Path) -> None:
    """R1.7."""
    desk = rig(server, "binance", tmp_path)
    stop, target = pair(desk)
    answer = desk.account.place_pair(stop, target)
    assert answer.state is OrderState.OPEN
    assert desk.placements == 1
    first, second = read(desk, stop.client_id), read(desk, target.client_id)
    assert answer.venue_id == f"{first.venue_id},{second.venue_id}"
    assert (first.trigger, second.price) == (Decimal(48_000), Decimal(52_000))
    server.do("price", venue="binance", symbol="BTC/USDT", price="52100")
    assert read(desk, stop.client_id).status == "expired"
    assert read(desk, target.client_id).filled == Decimal("0.2")


@pytest.mark.parametrize(("kind", "pattern"), [("html", "malformed"), ("shape", "malformed"), ("client_id", "wrong_answer"),
                                               ("symbol", "wrong_answer"), ("drop", "broken")])  # fmt: skip
def test_a_pair_whose_answer_is_spoilt_has_an_open_fate(
    server: ExchangeServer, tmp_path: Path, kind: str, pattern: str
) -> None:
    desk = rig(server, "binance", tmp_path)
    desk.account.rules([desk.symbol])
    server.fault(path="orderList/oco", kind=kind, acts=True)
    answer = desk.account.place_pair(*pair(desk))
    assert (answer.state, answer.pattern) == (OrderState.UNKNOWN, pattern)
    assert desk.placements == 1


def test_a_pair_on_the_wrong_side_of_the_price_is_refused(server: ExchangeServer, tmp_path: Path) -> None:
    desk = rig(server, "binance", tmp_path)
    server.do("price", venue="binance", symbol="BTC/USDT", price="47000")
    answer = desk.account.place_pair(*pair(desk))
    assert (answer.state, answer.pattern) == (OrderState.REJECTED, "price_relation")


def test_a_pair_that_is_uneven_or_at_kraken_is_not_sent(desk: Rig) -> None:
    stop, target = pair(desk)
    answer = desk.account.place_pair(stop, replace(target, quantity=1))
    assert answer.state is OrderState.REJECTED
    assert answer.pattern == ("no_pairs" if desk.venue == "kraken" else "uneven_pair")
    assert desk.placements == 0


def test_cancelling_one_leg_of_a_pair_is_done(server: ExchangeServer, tmp_path: Path) -> None:
    desk = rig(server, "binance", tmp_path)
    stop, target = pair(desk)
    stop_id = desk.account.place_pair(stop, target).venue_id.partition(",")[0]
    assert desk.account.cancel(stop_id, desk.symbol) is Cancelled.DONE
    assert read(desk, target.client_id).status == "cancelled"


def test_cancelling_a_leg_that_is_answered_with_the_whole_pair_is_done(server: ExchangeServer, tmp_path: Path) -> None:
    desk = rig(server, "binance", tmp_path)
    reports = [{"orderId": 7, "status": "CANCELED"}, {"orderId": 8, "status": "CANCELED"}]
    assert desk.account._cancelled({"orderReports": reports}, "8") is Cancelled.DONE
