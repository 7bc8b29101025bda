"""The Binance dialect, through real ccxt: what the venue's documents promise is what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from exchange import ExchangeServer

ID = "7adec0de-1111-4222-a333-444455556666"
OTHER = "7adec0de-1111-4222-a333-444455557777"
MARKET = "BTC/USDT"


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(["binance"], balances={"binance": {"USDT": "10000", "BTC": "1"}}) as server:
        yield server
        assert server.audit() == []


@pytest.fixture
def binance(server: ExchangeServer) -> Any:
    made = server.ccxt("binance")
    made.load_markets()
    return made


def found(binance: Any, client_id: str) -> dict[str, Any]:
    return binance.fetch_order(None, MARKET, {"clientOrderId": client_id})  # type: ignore[no-any-return]


def test_markets_take_one_call_and_carry_the_filters(server: ExchangeServer, binance: Any) -> None:
    market = binance.market(MARKET)
    assert [row["path"] for row in server.requests()] == ["/api/v3/exchangeInfo"]
    assert (market["precision"]["price"], market["precision"]["amount"], market["limits"]["cost"]["min"]) == (
        0.01,
        0.00001,
        5.0,
    )
    assert binance.market("ETH/BTC")["limits"]["cost"]["min"] == 0.0001


def test_a_purchase_pays_its_fee_out_of_what_it_bought_so_that_less_is_owned_than_was_asked(binance: Any) -> None:
    order = binance.create_order(MARKET, "market", "buy", 0.01, None, {"clientOrderId": ID})
    assert (order["status"], order["filled"], order["cost"], order["clientOrderId"]) == ("closed", 0.01, 500.0001, ID)
    assert order["fee"] == {"currency": "BTC", "cost": 0.00001}
    assert binance.fetch_balance()["BTC"]["total"] == 1.00999
    with pytest.raises(ccxt.InsufficientFunds):
        binance.create_order(MARKET, "market", "sell", 1.01)


def test_fees_go_to_bnb_where_that_is_on_and_there_is_some(server: ExchangeServer, binance: Any) -> None:
    server.do("set", bnb_fees=True)
    server.do("deposit", asset="BNB", amount="0.0007")
    first, second = (binance.create_order(MARKET, "market", "buy", 0.01)["fee"] for _ in range(2))
    # 500.0001 at 0.1 % less a quarter is 0.375000075 USDT, at 600 a BNB 0.000625; then only 0.000075 are left.
    assert first == {"currency": "BNB", "cost": 0.000625}
    assert second["currency"] == "BTC"


def test_a_client_id_is_unique_among_open_orders_only_so_that_a_blind_resend_trades_twice(
    server: ExchangeServer, binance: Any
) -> None:
    binance.create_order(MARKET, "limit", "buy", 0.01, 40_000, {"clientOrderId": ID})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate order sent") as raised:
        binance.create_order(MARKET, "limit", "buy", 0.01, 40_000, {"clientOrderId": ID})
    assert raised.type is ccxt.InvalidOrder
    for _ in range(2):
        binance.create_order(MARKET, "market", "buy", 0.01, None, {"clientOrderId": OTHER})
    assert [len(ids) for ids in server.accepted("binance").values()] == [1, 2]
    assert found(binance, OTHER)["id"] == server.accepted()[OTHER][1]


def test_an_order_is_found_by_its_client_id_open_or_ended_and_what_never_was_is_order_not_found(binance: Any) -> None:
    binance.create_order(MARKET, "limit", "buy", 0.01, 40_000, {"clientOrderId": ID})
    assert found(binance, ID)["status"] == "open"
    assert binance.cancel_order(found(binance, ID)["id"], MARKET)["status"] == "canceled"
    assert found(binance, ID)["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        found(binance, OTHER)
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        binance.cancel_order(None, MARKET, {"clientOrderId": ID})


def test_an_immediate_orders_rest_expires_with_what_it_filled(server: ExchangeServer, binance: Any) -> None:
    server.do("depth", symbol=MARKET, quantities=["0.01"])
    order = binance.create_order(MARKET, "limit", "buy", 0.05, 50_000.01, {"timeInForce": "IOC"})
    assert (order["info"]["status"], order["info"]["executedQty"]) == ("EXPIRED", "0.01000000")
    order = binance.create_order(MARKET, "limit", "buy", 0.05, 50_000.01, {"timeInForce": "IOC"})
    assert (order["info"]["status"], order["filled"]) == ("EXPIRED", 0.0)


def test_a_market_order_on_a_thin_book_walks_the_levels_and_its_rest_expires(
    server: ExchangeServer, binance: Any
) -> None:
    server.do("book", symbol=MARKET, bids=[["49990", "1"]], asks=[["50010", "0.01"], ["51000", "0.01"]])
    order = binance.create_order(MARKET, "market", "buy", 0.05)
    assert (order["status"], order["filled"], order["average"]) == ("expired", 0.02, 50_505.0)
    assert [trade["price"] for trade in binance.fetch_my_trades(MARKET)] == [50_010.0, 51_000.0]


def test_a_market_order_with_a_price_spends_quote_instead_of_buying_the_quantity(
    server: ExchangeServer, binance: Any
) -> None:
    server.do("price", symbol=MARKET, price="40000")
    order = binance.create_order(MARKET, "market", "buy", 0.01, 50_000)
    # 500 USDT buy 0.01249 at 40,000.01.
    assert (order["filled"], server.requests("/order")[-1]["params"]["quoteOrderQty"]) == (0.01249, "500")


def test_post_only_that_would_cross_is_refused(binance: Any) -> None:
    with pytest.raises(ccxt.OrderImmediatelyFillable):
        binance.create_order(MARKET, "limit", "buy", 0.01, 50_001, {"postOnly": True})
    assert binance.create_order(MARKET, "limit", "buy", 0.01, 49_999, {"postOnly": True})["status"] == "open"


def test_a_stop_rests_out_of_the_book_and_sells_at_market_once_its_price_is_reached(
    server: ExchangeServer, binance: Any
) -> None:
    binance.create_order(MARKET, "market", "sell", 1, None, {"stopLossPrice": 45_000, "clientOrderId": ID})
    assert (found(binance, ID)["info"]["type"], found(binance, ID)["info"]["isWorking"]) == ("STOP_LOSS", False)
    assert binance.fetch_balance()["BTC"]["free"] == 0
    server.do("price", symbol=MARKET, price="44000")
    assert (found(binance, ID)["status"], found(binance, ID)["average"]) == ("closed", 43_999.99)


def test_a_stop_limit_that_the_price_jumps_over_stays_in_the_book(server: ExchangeServer, binance: Any) -> None:
    binance.create_order(MARKET, "limit", "sell", 1, 44_900, {"stopLossPrice": 45_000, "clientOrderId": ID})
    server.do("price", symbol=MARKET, price="44000")
    assert (found(binance, ID)["status"], found(binance, ID)["info"]["isWorking"]) == ("open", True)
    server.do("price", symbol=MARKET, price="44901")
    assert found(binance, ID)["average"] == 44_900.0


def test_a_stop_that_would_trigger_at_once_is_refused(binance: Any) -> None:
    with pytest.raises(ccxt.OrderImmediatelyFillable, match="trigger immediately"):
        binance.create_order(MARKET, "market", "sell", 1, None, {"stopLossPrice": 50_001})


def oco(binance: Any, **other: str) -> dict[str, Any]:
    above = {"aboveType": "LIMIT_MAKER", "abovePrice": "60000", "aboveClientOrderId": ID}
    below = {"belowType": "STOP_LOSS", "belowStopPrice": "45000", "belowClientOrderId": OTHER}
    asked = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", **above, **below}
    return binance.private_post_orderlist_oco({**asked, **other})  # type: ignore[no-any-return]


def test_both_legs_of_an_oco_hold_the_holding_once_and_are_found_by_their_own_client_ids(binance: Any) -> None:
    made = oco(binance)
    assert [report["status"] for report in made["orderReports"]] == ["NEW", "NEW"]
    assert binance.fetch_balance()["BTC"] == {"free": 0.0, "used": 1.0, "total": 1.0}
    assert [found(binance, name)["info"]["type"] for name in (ID, OTHER)] == ["LIMIT_MAKER", "STOP_LOSS"]
    assert len(binance.fetch_open_orders(MARKET)) == 2


@pytest.mark.parametrize(("price", "filled", "expired"), [("60001", ID, OTHER), ("44000", OTHER, ID)])
def test_one_leg_filling_ends_the_other(
    server: ExchangeServer, binance: Any, price: str, filled: str, expired: str
) -> None:
    oco(binance)
    server.do("price", symbol=MARKET, price=price)
    assert (found(binance, filled)["status"], found(binance, expired)["status"]) == ("closed", "expired")
    assert binance.private_get_orderlist({"orderListId": 1})["listOrderStatus"] == "ALL_DONE"


def test_cancelling_one_leg_cancels_both_and_the_list_can_be_cancelled_as_a_whole(binance: Any) -> None:
    oco(binance)
    binance.cancel_order(found(binance, ID)["id"], MARKET)
    assert [found(binance, name)["status"] for name in (ID, OTHER)] == ["canceled", "canceled"]
    second = oco(binance)
    binance.private_delete_orderlist({"symbol": "BTCUSDT", "orderListId": second["orderListId"]})
    assert binance.fetch_open_orders(MARKET) == []


def test_an_oco_whose_prices_are_on_the_wrong_sides_or_whose_id_is_open_places_nothing(
    server: ExchangeServer, binance: Any
) -> None:
    with pytest.raises(ccxt.InvalidOrder, match="relationship of the prices"):
        oco(binance, belowStopPrice="55000")
    binance.create_order(MARKET, "limit", "buy", 0.01, 40_000, {"clientOrderId": ID})
    with pytest.raises(ccxt.InvalidOrder, match="Duplicate"):
        oco(binance)
    assert list(server.accepted()) == [ID]


def test_the_former_oco_endpoint_makes_the_same_pair(binance: Any) -> None:
    asked = {"symbol": "BTCUSDT", "side": "SELL", "quantity": "1", "price": "60000", "stopPrice": "45000",
             "limitClientOrderId": ID, "stopClientOrderId": OTHER}  # fmt: skip
    binance.private_post_order_oco(asked)
    assert [found(binance, name)["info"]["type"] for name in (ID, OTHER)] == ["LIMIT_MAKER", "STOP_LOSS"]


@pytest.mark.parametrize(
    ("values", "text", "error"),
    [
        ({"price": "40000.001"}, "PRICE_FILTER", ccxt.InvalidOrder),
        ({"quantity": "0.000011"}, "LOT_SIZE", ccxt.InvalidOrder),
        ({"quantity": "0.0001"}, "NOTIONAL", ccxt.BadRequest),
        ({"price": "9000"}, "PERCENT_PRICE_BY_SIDE", ccxt.InvalidOrder),
        ({"quantity": "0.0100000001"}, "too much precision", ccxt.BadRequest),
        ({"quantity": "9"}, "insufficient balance", ccxt.InsufficientFunds),
        ({"symbol": "NOPE"}, "Invalid symbol", ccxt.BadSymbol),
        ({"quantity": ""}, "Mandatory parameter 'quantity'", ccxt.BadRequest),
        ({"newClientOrderId": "a b"}, "Illegal characters", ccxt.BadRequest),
    ],
)
def test_what_breaks_a_filter_is_refused_in_binances_words(
    server: ExchangeServer, binance: Any, values: dict[str, str], text: str, error: type[Exception]
) -> None:
    asked = {
        "symbol": "BTCUSDT",
        "side": "BUY",
        "type": "LIMIT",
        "timeInForce": "GTC",
        "quantity": "0.01",
        "price": "40000",
    }
    with pytest.raises(error, match=text) as raised:
        binance.private_post_order({**asked, **values})
    assert raised.type is error
    assert server.accepted() == {}


def test_notional_counts_for_market_orders_too(binance: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="NOTIONAL"):
        binance.create_order(MARKET, "market", "buy", 0.00005)


def test_at_most_five_stops_wait_on_a_symbol(binance: Any) -> None:
    for _ in range(5):
        binance.create_order(MARKET, "market", "sell", 0.01, None, {"stopLossPrice": 45_000})
    with pytest.raises(ccxt.BadRequest, match="MAX_NUM_ALGO_ORDERS"):
        binance.create_order(MARKET, "market", "sell", 0.01, None, {"stopLossPrice": 45_000})


def test_a_market_that_is_closed_takes_no_order(server: ExchangeServer, binance: Any) -> None:
    server.do("listing", symbol=MARKET, status="halted")
    with pytest.raises(ccxt.MarketClosed):
        binance.create_order(MARKET, "market", "buy", 0.01)


def test_the_test_endpoint_checks_and_places_nothing(server: ExchangeServer, binance: Any) -> None:
    binance.create_order(MARKET, "limit", "buy", 0.01, 40_000, {"test": True})
    with pytest.raises(ccxt.InsufficientFunds):
        binance.create_order(MARKET, "market", "buy", 9, None, {"test": True})
    assert server.accepted() == {}


def test_a_wrong_signature_an_unknown_key_and_none_are_refused(server: ExchangeServer, binance: Any) -> None:
    for options, error, code in (
        ({"secret": "x"}, ccxt.AuthenticationError, "-1022"),
        ({"apiKey": "nobody"}, ccxt.AuthenticationError, "-2015"),
    ):
        stranger = server.ccxt("binance", **options)
        stranger.set_markets(binance.markets)
        with pytest.raises(error, match=code):
            stranger.fetch_balance()


def test_a_key_refused_after_an_earlier_success_reads_as_a_ban_in_ccxt(server: ExchangeServer, binance: Any) -> None:
    binance.fetch_balance()
    server.do("key", revoked=True)
    with pytest.raises(ccxt.DDoSProtection, match="-2015"):
        binance.fetch_balance()


@pytest.mark.parametrize(("off_ms", "text"), [(1500, "ahead of the server"), (-6000, "outside of the recvWindow")])
def test_a_timestamp_must_be_near_the_venues_clock(binance: Any, off_ms: int, text: str) -> None:
    binance.options["recvWindow"] = 5000
    binance.options["timeDifference"] = -off_ms
    with pytest.raises(ccxt.InvalidNonce, match=text):
        binance.create_order(MARKET, "market", "buy", 0.01)


def test_an_order_that_reaches_the_engine_after_its_window_is_refused(server: ExchangeServer, binance: Any) -> None:
    server.fault(path="order", method="POST", before=[{"op": "clock", "advance_ms": 2500}])
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        binance.create_order(MARKET, "market", "buy", 0.01, None, {"recvWindow": 2000})
    assert server.accepted() == {}


def test_weight_is_told_in_every_answer_and_too_much_is_429_with_retry_after_then_418() -> None:
    with ExchangeServer(["binance"], now_ms=1_790_000_000_000) as server:
        binance = server.ccxt("binance")
        server.do("limits", weight_most=100)
        binance.load_markets()
        binance.options["timeDifference"] = binance.milliseconds() - server.clock.now_ms()
        for used in ("40", "60", "80", "100"):
            binance.fetch_balance()
            assert binance.last_response_headers["X-MBX-USED-WEIGHT-1M"] == used
        for _ in range(3):
            with pytest.raises(ccxt.DDoSProtection, match="429"):
                binance.fetch_balance()
            # 1,790,000,000 s are 20 s into their minute.
            assert binance.last_response_headers["Retry-After"] == "40"
        with pytest.raises(ccxt.DDoSProtection, match="418"):
            binance.fetch_balance()
        assert binance.last_response_headers["Retry-After"] == "120"
        server.do("clock", advance_ms=60_000)
        with pytest.raises(ccxt.DDoSProtection, match="418"):
            binance.fetch_time()
        server.do("clock", advance_ms=60_000)
        binance.fetch_time()


def test_too_many_orders_are_429_without_a_time_to_wait(server: ExchangeServer, binance: Any) -> None:
    server.do("clock", set_ms=server.clock.now_ms())
    server.do("limits", orders_most_10s=2)
    for _ in range(2):
        binance.create_order(MARKET, "limit", "buy", 0.001, 40_000)
    with pytest.raises(ccxt.DDoSProtection, match="-1015"):
        binance.create_order(MARKET, "limit", "buy", 0.001, 40_000)
    assert "Retry-After" not in binance.last_response_headers


def test_candles_come_a_thousand_at_most_from_a_time_on_and_the_last_is_forming(
    server: ExchangeServer, binance: Any
) -> None:
    server.do("clock", set_ms=1_790_000_000_000)
    newest = binance.fetch_ohlcv(MARKET, "1h", limit=1000)
    assert len(newest) == 1000
    assert newest[-1][0] == 1_789_999_200_000
    assert newest[-1][4] == 50_000.0
    assert binance.fetch_ohlcv(MARKET, "1h", since=newest[3][0], limit=2) == newest[3:5]


def test_the_book_and_the_best_prices(binance: Any) -> None:
    assert binance.fetch_order_book(MARKET, 5)["asks"][0][0] == 50_000.01
    best = binance.public_get_ticker_bookticker({"symbol": "BTCUSDT"})
    assert (best["bidPrice"], best["askPrice"]) == ("49999.99000000", "50000.01000000")


def test_orders_and_trades_are_listed_by_symbol_from_an_id_on(binance: Any) -> None:
    ids = [binance.create_order(MARKET, "market", "buy", 0.001)["id"] for _ in range(3)]
    assert [order["id"] for order in binance.fetch_orders(MARKET)] == ids
    assert [trade["order"] for trade in binance.fetch_my_trades(MARKET, params={"fromId": 2})] == ids[1:]
    assert [trade["order"] for trade in binance.fetch_my_trades(MARKET, params={"orderId": ids[0]})] == ids[:1]
