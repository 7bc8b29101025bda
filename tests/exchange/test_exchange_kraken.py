"""The Kraken dialect, through real ccxt: what the venue's documents promise is what the server does."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import ccxt
import pytest

from exchange import ExchangeServer

ID = "7adec0de-1111-4222-a333-444455556666"
OTHER = "7adec0de-1111-4222-a333-444455557777"


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(balances={"kraken": {"USD": "10000", "BTC": "1"}}) as server:
        yield server
        assert server.audit() == []


@pytest.fixture
def kraken(server: ExchangeServer) -> Any:
    made = server.ccxt("kraken")
    made.load_markets()
    return made


def closed(kraken: Any, client_id: str) -> list[dict[str, Any]]:
    return kraken.fetch_closed_orders(params={"clientOrderId": client_id})  # type: ignore[no-any-return]


def test_markets_come_with_krakens_three_names_and_exact_steps(kraken: Any) -> None:
    market = kraken.market("BTC/USD")
    assert (market["id"], market["info"]["altname"], market["info"]["wsname"]) == ("XXBTZUSD", "XBTUSD", "XBT/USD")
    assert (market["precision"]["price"], market["limits"]["amount"]["min"], market["limits"]["cost"]["min"]) == (
        0.1,
        0.00005,
        0.5,
    )
    assert [kraken.market(name)["id"] for name in ("ADA/USD", "BTC/EUR", "ETH/BTC")] == ["ADAUSD", "XXBTZEUR", "ETHXBT"]


def test_balances_tell_what_open_orders_hold(kraken: Any) -> None:
    kraken.create_order("BTC/USD", "limit", "buy", 0.1, 40_000)
    kraken.create_order("BTC/USD", "limit", "sell", 0.4, 60_000)
    balance = kraken.fetch_balance()
    # 0.1 at 40,000 and the fee of 0.4 % of it.
    assert balance["USD"] == {"free": 5984.0, "used": 4016.0, "total": 10_000.0}
    assert balance["BTC"] == {"free": 0.6, "used": 0.4, "total": 1.0}


def test_a_market_order_trades_at_once_and_is_found_by_its_client_id_among_the_closed(kraken: Any) -> None:
    answer = kraken.create_order("BTC/USD", "market", "buy", 0.01, None, {"clientOrderId": ID})
    assert answer["status"] is None
    assert kraken.fetch_open_orders(params={"clientOrderId": ID}) == []
    (order,) = closed(kraken, ID)
    assert (order["id"], order["status"], order["filled"], order["average"]) == (answer["id"], "closed", 0.01, 50_000.1)
    (trade,) = kraken.fetch_my_trades("BTC/USD")
    assert (trade["order"], trade["cost"], trade["fee"]) == (answer["id"], 500.001, {"cost": 2.0, "currency": "USD"})
    assert kraken.fetch_balance()["USD"]["total"] == 9497.999


def test_a_client_id_is_unique_among_open_orders_only_so_that_a_blind_resend_trades_twice(
    server: ExchangeServer, kraken: Any
) -> None:
    kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000, {"clientOrderId": ID})
    with pytest.raises(ccxt.ExchangeError, match="Duplicate cl_ord_id"):
        kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000, {"clientOrderId": ID})
    for _ in range(2):
        kraken.create_order("BTC/USD", "market", "buy", 0.01, None, {"clientOrderId": OTHER})
    assert [len(ids) for ids in server.accepted("kraken").values()] == [1, 2]


def test_looking_up_by_fetch_order_sends_the_client_id_as_userref_and_does_not_find_what_exists(kraken: Any) -> None:
    answer = kraken.create_order("BTC/USD", "market", "buy", 0.01, None, {"clientOrderId": ID})
    with pytest.raises(ccxt.OrderNotFound):
        kraken.fetch_order(answer["id"], "BTC/USD", {"clientOrderId": ID})
    assert kraken.fetch_order(answer["id"], "BTC/USD")["filled"] == 0.01


def test_orders_carry_the_altname_so_that_markets_out_of_a_cache_hide_them(server: ExchangeServer, kraken: Any) -> None:
    kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000)
    cached = server.ccxt("kraken")
    cached.set_markets(kraken.markets)
    assert cached.fetch_open_orders("BTC/USD") == []
    assert len(cached.fetch_open_orders()) == 1


def test_a_second_sale_of_the_same_holding_has_insufficient_funds(kraken: Any) -> None:
    kraken.create_order("BTC/USD", "market", "sell", 1, None, {"stopLossPrice": 45_000})
    with pytest.raises(ccxt.InsufficientFunds):
        kraken.create_order("BTC/USD", "limit", "sell", 1, 60_000)


def test_a_stop_waits_triggers_and_sells_at_the_market(server: ExchangeServer, kraken: Any) -> None:
    kraken.create_order("BTC/USD", "market", "sell", 1, None, {"stopLossPrice": 45_000, "clientOrderId": ID})
    (waiting,) = kraken.fetch_open_orders(params={"clientOrderId": ID})
    assert (waiting["stopLossPrice"], waiting["filled"], waiting["info"]["descr"]["ordertype"]) == (
        45_000.0,
        0.0,
        "stop-loss",
    )
    server.do("price", symbol="BTC/USD", price="45000.1")
    assert closed(kraken, ID) == []
    server.do("price", symbol="BTC/USD", price="44000")
    assert closed(kraken, ID)[0]["average"] == 43_999.9


def test_a_limit_rests_fills_in_part_as_a_maker_and_keeps_what_filled_when_cancelled(
    server: ExchangeServer, kraken: Any
) -> None:
    order = kraken.create_order("BTC/USD", "limit", "buy", 0.1, 49_000)
    server.do("depth", symbol="BTC/USD", quantities=["0.03", "0.02"])
    server.do("price", symbol="BTC/USD", price="48999.8")
    kraken.cancel_order(order["id"])
    ended = kraken.fetch_order(order["id"])
    # Both levels stand at or below 49,000: 0.05 at our own price, 0.25 % of it as the fee.
    assert (ended["status"], ended["filled"], ended["cost"], ended["fees"][0]["cost"]) == (
        "canceled",
        0.05,
        2450.0,
        6.125,
    )
    assert kraken.fetch_my_trades()[0]["takerOrMaker"] == "maker"


def test_an_immediate_order_takes_what_is_there_and_its_rest_is_cancelled(server: ExchangeServer, kraken: Any) -> None:
    server.do("depth", symbol="BTC/USD", quantities=["0.01", "0.01"])
    params = {"timeInForce": "IOC", "clientOrderId": ID}
    kraken.create_order("BTC/USD", "limit", "buy", 0.05, 50_000.2, params)
    order = closed(kraken, ID)[0]
    # 0.01 at 50,000.1 and 0.01 at 50,000.2
    assert (order["status"], order["filled"], order["average"]) == ("canceled", 0.02, 50_000.15)
    kraken.create_order("BTC/USD", "limit", "buy", 0.05, 50_000.2, {**params, "clientOrderId": OTHER})
    assert (closed(kraken, OTHER)[0]["status"], closed(kraken, OTHER)[0]["filled"]) == ("canceled", 0.0)


def test_post_only_that_would_cross_is_refused_and_rests_otherwise(kraken: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="Post only"):
        kraken.create_order("BTC/USD", "limit", "buy", 0.01, 50_001, {"postOnly": True})
    kraken.create_order("BTC/USD", "limit", "buy", 0.01, 49_999, {"postOnly": True})
    assert kraken.fetch_open_orders()[0]["postOnly"] is True


def test_post_only_that_would_cross_may_also_be_accepted_and_cancelled_at_once(
    server: ExchangeServer, kraken: Any
) -> None:
    """B13"""
    server.do("set", post_only_cancels=True)
    kraken.create_order("BTC/USD", "limit", "buy", 0.01, 50_001, {"postOnly": True, "clientOrderId": ID})
    assert (closed(kraken, ID)[0]["status"], closed(kraken, ID)[0]["filled"]) == ("canceled", 0.0)


def test_a_timeframe_kraken_does_not_serve_is_refused(kraken: Any) -> None:
    """D9"""
    with pytest.raises(ccxt.ExchangeError, match="Invalid arguments:interval"):
        kraken.public_get_ohlc({"pair": "XXBTZUSD", "interval": 3})


def test_validate_checks_and_places_nothing(server: ExchangeServer, kraken: Any) -> None:
    assert kraken.create_order("BTC/USD", "market", "buy", 0.01, None, {"validate": "true"})["id"] is None
    with pytest.raises(ccxt.InsufficientFunds):
        kraken.create_order("BTC/USD", "market", "buy", 10, None, {"validate": "true"})
    assert server.accepted() == {}


@pytest.mark.parametrize(
    ("symbol", "kind", "volume", "price", "text", "error"),
    [
        ("XXBTZUSD", "limit", "0.00004", "40000", "EOrder:Order minimum not met", ccxt.InvalidOrder),
        ("ADAUSD", "limit", "10", "0.01", "EOrder:Cost minimum not met", ccxt.ExchangeError),
        ("XXBTZUSD", "limit", "0.01", "40000.05", "EOrder:Tick size check failed", ccxt.ExchangeError),
        ("XXBTZUSD", "limit", "0.000123456789", "40000", "EGeneral:Invalid arguments:volume", ccxt.InvalidOrder),
        ("XXBTZUSD", "market", "9", "", "EOrder:Insufficient funds", ccxt.InsufficientFunds),
        ("NOPEUSD", "market", "1", "", "EQuery:Unknown asset pair", ccxt.ExchangeError),
    ],
)
def test_what_breaks_a_rule_is_refused_in_krakens_words(
    kraken: Any, symbol: str, kind: str, volume: str, price: str, text: str, error: type[Exception]
) -> None:
    with pytest.raises(error, match=text) as raised:
        kraken.private_post_addorder(
            {"pair": symbol, "type": "buy", "ordertype": kind, "volume": volume, "price": price}
        )
    assert raised.type is error


def test_a_client_id_must_be_a_uuid_or_at_most_18_characters_and_goes_without_a_userref(kraken: Any) -> None:
    for params in ({"clientOrderId": "x" * 19}, {"clientOrderId": ID, "userref": 5}):
        with pytest.raises(ccxt.ExchangeError, match="Invalid arguments:cl_ord_id"):
            kraken.create_order("BTC/USD", "market", "buy", 0.01, None, params)


def test_a_userref_is_a_tag_of_many_and_cancels_all_that_carry_it(kraken: Any) -> None:
    for price in (40_000, 41_000):
        kraken.create_order("BTC/USD", "limit", "buy", 0.01, price, {"userref": 77})
    assert len(kraken.fetch_open_orders(params={"userref": 77})) == 2
    assert kraken.cancel_order("77")["info"]["result"]["count"] == 2


def test_cancelling_what_is_not_open_is_an_unknown_order(kraken: Any) -> None:
    answer = kraken.create_order("BTC/USD", "market", "buy", 0.01)
    with pytest.raises(ccxt.OrderNotFound):
        kraken.cancel_order(answer["id"])


def test_an_order_after_its_deadline_is_refused_and_a_deadline_out_of_range_is_no_deadline(
    server: ExchangeServer, kraken: Any
) -> None:
    def placed(seconds: float) -> None:
        until = datetime.fromtimestamp(server.clock.now_ms() / 1000 + seconds, UTC).isoformat().replace("+00:00", "Z")
        kraken.create_order("BTC/USD", "market", "buy", 0.01, None, {"deadline": until})

    placed(5)
    for seconds in (0.5, 90):
        with pytest.raises(ccxt.ExchangeError, match="Invalid arguments:deadline"):
            placed(seconds)
    server.fault(path="AddOrder", before=[{"op": "clock", "advance_ms": 6000}])
    with pytest.raises(ccxt.ExchangeError, match="EService:Deadline elapsed"):
        placed(5)


def test_a_wrong_signature_or_key_is_refused_and_many_lock_the_key_out(server: ExchangeServer, kraken: Any) -> None:
    forger = server.ccxt("kraken", secret="bm90IHRoZSBzZWNyZXQ=")  # noqa: S106
    with pytest.raises(ccxt.ExchangeError, match="EAPI:Invalid signature"):
        forger.fetch_balance()
    stranger = server.ccxt("kraken", apiKey="nobody")
    stranger.set_markets(kraken.markets)
    with pytest.raises(ccxt.AuthenticationError):
        stranger.fetch_balance()
    for _ in range(18):
        with pytest.raises(ccxt.AuthenticationError):
            stranger.fetch_balance()
    with pytest.raises(ccxt.DDoSProtection, match="Temporary lockout"):
        kraken.fetch_balance()


def test_a_nonce_must_rise(kraken: Any) -> None:
    kraken.fetch_balance()
    kraken.nonce = lambda: 5
    kraken.options["lastNonce"] = 0
    with pytest.raises(ccxt.InvalidNonce):
        kraken.fetch_balance()


def test_the_call_counter_refuses_the_sixteenth_call_counts_refusals_too_and_decays() -> None:
    with ExchangeServer(now_ms=1_790_000_000_000, balances={"kraken": {"USD": 1}}) as server:
        kraken = server.ccxt("kraken")
        kraken.load_markets()
        for _ in range(15):
            kraken.fetch_balance()
        for _ in range(3):
            with pytest.raises(ccxt.DDoSProtection, match="EAPI:Rate limit exceeded"):
                kraken.fetch_balance()
        # 18 counted; starter forgets 0.33 a second, so that after 13 s 13.71 are left and there is room for one more.
        server.do("clock", advance_ms=13_000)
        kraken.fetch_balance()
        with pytest.raises(ccxt.DDoSProtection):
            kraken.fetch_my_trades()
        kraken.create_order("BTC/USD", "limit", "buy", 0.00005, 10_000)
        assert server.do("stats")["too_many"] == 4


def test_cancelling_young_orders_fills_the_pairs_counter_and_cancels_stay_allowed() -> None:
    with ExchangeServer(now_ms=1_790_000_000_000, balances={"kraken": {"USD": 1000}}) as server:
        kraken = server.ccxt("kraken")
        kraken.load_markets()
        # An order and its immediate cancel count 1 + 8: after six of them 54 of 60 are used, after six orders more all.
        for _ in range(6):
            kraken.cancel_order(kraken.create_order("BTC/USD", "limit", "buy", 0.001, 10_000)["id"])
        kept = [kraken.create_order("BTC/USD", "limit", "buy", 0.001, 10_000)["id"] for _ in range(6)]
        with pytest.raises(ccxt.DDoSProtection, match="EOrder:Rate limit exceeded"):
            kraken.create_order("BTC/USD", "limit", "buy", 0.001, 10_000)
        kraken.create_order("ETH/USD", "limit", "buy", 0.01, 1000)
        kraken.cancel_order(kept[0])
        server.do("clock", advance_ms=9_000)
        kraken.create_order("BTC/USD", "limit", "buy", 0.001, 10_000)


def test_the_sixty_first_open_order_of_a_pair_is_refused() -> None:
    with ExchangeServer(now_ms=1_790_000_000_000, balances={"kraken": {"USD": 1000}}) as server:
        kraken = server.ccxt("kraken")
        kraken.load_markets()
        for _ in range(60):
            server.do("clock", advance_ms=1000)
            kraken.create_order("BTC/USD", "limit", "buy", 0.0001, 10_000)
        with pytest.raises(ccxt.ExchangeError, match="EOrder:Orders limit exceeded"):
            kraken.create_order("BTC/USD", "limit", "buy", 0.0001, 10_000)


def test_candles_are_720_at_most_with_the_last_still_forming_at_the_present_price(
    server: ExchangeServer, kraken: Any
) -> None:
    rows = kraken.fetch_ohlcv("BTC/USD", "1h")
    hour, now = 3_600_000, server.clock.now_ms()
    assert len(rows) == 720
    assert [rows[n + 1][0] - rows[n][0] for n in range(719)] == [hour] * 719
    assert rows[-1][0] <= now < rows[-1][0] + hour
    assert rows[-1][4] == 50_000.0
    assert all(low <= min(opened, last) and high >= max(opened, last) for _, opened, high, low, last, _ in rows)
    assert kraken.fetch_ohlcv("BTC/USD", "1h", since=rows[700][0])[:-1] == rows[700:-1]


def test_closed_orders_and_trades_come_fifty_a_page_newest_first(server: ExchangeServer, kraken: Any) -> None:
    for number in range(60):
        server.do("order", symbol="BTC/USD", side="buy", quantity="0.0001", client_id=f"hand-{number}")
    first, second = (kraken.private_post_closedorders({"ofs": start})["result"] for start in (0, 50))
    assert (first["count"], len(first["closed"]), len(second["closed"])) == (60, 50, 10)
    assert not set(first["closed"]) & set(second["closed"])
    trades = [kraken.private_post_tradeshistory({"ofs": start})["result"]["trades"] for start in (0, 50)]
    assert [len(page) for page in trades] == [50, 10]
    assert closed(kraken, "hand-0")[0]["filled"] == 0.0001


def test_trades_of_an_order_are_asked_by_their_ids(server: ExchangeServer, kraken: Any) -> None:
    server.do("depth", symbol="BTC/USD", quantities=["0.01", "0.01"])
    answer = kraken.create_order("BTC/USD", "market", "buy", 0.02)
    order = kraken.fetch_order(answer["id"])
    trades = kraken.fetch_order_trades(answer["id"], params={"trades": order["trades"]})
    assert sorted(trade["price"] for trade in trades) == [50_000.1, 50_000.2]


@pytest.mark.parametrize(
    ("mode", "error", "text"),
    [
        ("maintenance", ccxt.ExchangeNotAvailable, "EService:Unavailable"),
        ("cancel_only", ccxt.OnMaintenance, "cancel_only"),
        ("post_only", ccxt.OnMaintenance, "post_only"),
    ],
)
def test_what_the_venues_mode_leaves(
    server: ExchangeServer, kraken: Any, mode: str, error: type[Exception], text: str
) -> None:
    resting = kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000)
    server.do("set", mode=mode)
    with pytest.raises(error, match=text):
        kraken.create_order("BTC/USD", "market", "buy", 0.01)
    assert kraken.fetch_status()["info"]["result"]["status"] == mode
    if mode != "maintenance":
        kraken.cancel_order(resting["id"])
    if mode == "post_only":
        kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000, {"postOnly": True})


def test_a_revoked_key_and_a_missing_permission(server: ExchangeServer, kraken: Any) -> None:
    server.do("key", permissions=["query"])
    with pytest.raises(ccxt.PermissionDenied):
        kraken.create_order("BTC/USD", "market", "buy", 0.01)
    kraken.fetch_balance()
    server.do("key", revoked=True)
    with pytest.raises(ccxt.AuthenticationError):
        kraken.fetch_balance()


def test_the_dead_mans_switch_cancels_everything_once_its_time_is_up(server: ExchangeServer, kraken: Any) -> None:
    kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000)
    kraken.cancel_all_orders_after(60_000)
    server.do("clock", advance_ms=61_000)
    assert kraken.fetch_open_orders() == []


def test_the_ledger_of_the_account_sums_to_its_balances(kraken: Any) -> None:
    kraken.create_order("BTC/USD", "market", "buy", 0.01)
    entries = kraken.private_post_ledgers()["result"]["ledger"].values()
    newest = {entry["asset"]: entry["balance"] for entry in reversed(list(entries))}
    assert newest == {"ZUSD": "9497.9990", "XXBT": "1.0100"}


def test_amending_changes_price_and_quantity_in_place(kraken: Any) -> None:
    order = kraken.create_order("BTC/USD", "limit", "buy", 0.01, 40_000)
    kraken.edit_order(order["id"], "BTC/USD", "limit", "buy", 0.02, 41_000)
    amended = kraken.fetch_order(order["id"])
    assert (amended["price"], amended["amount"], amended["status"]) == (41_000.0, 0.02, "open")


def test_the_trades_behind_the_candles_are_paged_by_the_nanosecond(server: ExchangeServer, kraken: Any) -> None:
    """Seven a candle, several in one nanosecond; `since` is exclusive, `last` goes on there; none where nothing traded."""
    first = server.clock.now_ms() // 60_000 * 60_000 - 400 * 60_000
    rows = [[first + n * 60_000, "100.0", "102.0", "99.0", "101.0", "0" if n == 3 else "0.7"] for n in range(300)]
    server.do("candles", symbol="BTC/USD", interval_ms=60_000, rows=rows)
    pages, since = [], first * 10**6 - 1
    while not pages or pages[-1]:
        result = kraken.public_get_trades({"pair": "XXBTZUSD", "since": since})["result"]
        known = {trade[6] for page in pages for trade in page}
        pages.append([trade for trade in result["XXBTZUSD"] if trade[6] not in known])
        # Whoever goes on at `last` itself misses what was traded in the same nanosecond.
        since = int(result["last"]) - 1
    trades = [trade for page in pages for trade in page]
    assert len(trades) == len({trade[6] for trade in trades}) == 299 * 7
    assert [trade[0] for trade in trades[:7]] == ["100.0", "99.0", "102.0", "102.0", "101.0", "101.0", "101.0"]
    assert sum(float(trade[1]) for trade in trades[:7]) == pytest.approx(0.7)
    assert len(kraken.fetch_trades("BTC/USD", since=first, limit=1000)) == 1000
