"""The fault script: each kind has the outcome in ccxt that was measured for it, and the venue did or did not act."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import ccxt
import pytest

from exchange import ExchangeServer

MARKETS = {"kraken": "BTC/USD", "binance": "BTC/USDT"}
PLACES = {"kraken": "AddOrder", "binance": "order"}
VENUES = ("kraken", "binance")


@pytest.fixture(scope="module")
def listening() -> Iterator[ExchangeServer]:
    balances = {"kraken": {"USD": "1000000"}, "binance": {"USDT": "1000000"}}
    with ExchangeServer(balances=balances) as server:
        yield server
        assert server.audit() == []


@pytest.fixture(scope="module")
def clients(listening: ExchangeServer) -> dict[str, Any]:
    made = {venue: listening.ccxt(venue, timeout=30_000) for venue in VENUES}
    for one in made.values():
        one.load_markets()
    return made


@pytest.fixture
def hasty(clients: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The same clients while they wait only 300 ms for an answer."""
    for one in clients.values():
        one.timeout = 300
    yield clients
    for one in clients.values():
        one.timeout = 30_000


@pytest.fixture
def server(listening: ExchangeServer) -> Iterator[ExchangeServer]:
    """The shared server with no rule, no memory of counters, and a journal read from here on."""
    listening.do("clear")
    listening.do("limits", venue="kraken", tier="pro")
    yield listening
    for venue in VENUES:
        listening.do("set", venue=venue, mode="online", read_lag_ms=0, trade_lag_ms=0, order_lag_ms=0)
        listening.do("quiet", venue=venue, seconds=0)


def placed(
    clients: dict[str, Any], venue: str, client_id: str, kind: str = "market", price: float | None = None
) -> Any:
    params = {"clientOrderId": client_id}
    return clients[venue].create_order(MARKETS[venue], kind, "buy", 0.01, price, params)


_numbers = iter(range(10**6))


def fresh() -> str:
    return f"7adec0de-1111-4222-a333-{next(_numbers):012d}"


def strike(server: ExchangeServer, venue: str, **fault: Any) -> str:
    """Let the next placement be struck and return a client id nobody used."""
    server.fault(venue=venue, path=PLACES[venue], method="POST", **fault)
    return fresh()


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("kind", ["drop", "reset", "short"])
def test_a_broken_connection_is_a_network_error_whether_the_order_exists_or_not(
    server: ExchangeServer, clients: dict[str, Any], venue: str, kind: str, acts: bool
) -> None:
    """A6, A7, A9: they look the same."""
    client_id = strike(server, venue, kind=kind, acts=acts)
    with pytest.raises(ccxt.NetworkError) as raised:
        placed(clients, venue, client_id)
    assert raised.type is ccxt.NetworkError
    assert len(server.accepted(venue).get(client_id, [])) == acts
    assert server.requests(PLACES[venue], venue)[-1]["fault"] == kind


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize("kind", ["html", "empty", "cut", "shape"])
def test_an_answer_that_cannot_be_read_is_an_order_without_an_id_and_without_an_error(
    server: ExchangeServer, clients: dict[str, Any], venue: str, kind: str
) -> None:
    """A12, A13."""
    client_id = strike(server, venue, kind=kind)
    answer = placed(clients, venue, client_id)
    assert (answer["id"], answer["status"], answer["clientOrderId"]) == (None, None, None)
    assert len(server.accepted(venue)[client_id]) == 1


@pytest.mark.parametrize("venue", VENUES)
@pytest.mark.parametrize(
    ("status", "error"),
    [
        (502, ccxt.ExchangeNotAvailable),
        (503, ccxt.ExchangeNotAvailable),
        (504, ccxt.RequestTimeout),
        (520, ccxt.ExchangeNotAvailable),
        (522, ccxt.ExchangeNotAvailable),
        (524, ccxt.ExchangeError),
    ],
)
def test_an_error_page_after_acceptance(
    server: ExchangeServer, clients: dict[str, Any], venue: str, status: int, error: type[Exception]
) -> None:
    """A11: a 524 arrives as a bare ExchangeError although the order exists."""
    client_id = strike(server, venue, kind="status", status=status, acts=True)
    with pytest.raises(error) as raised:
        placed(clients, venue, client_id)
    assert raised.type is error
    assert len(server.accepted(venue)[client_id]) == 1


@pytest.mark.parametrize("venue", VENUES)
def test_a_hung_answer_is_a_timeout(server: ExchangeServer, hasty: dict[str, Any], venue: str) -> None:
    """A6"""
    client_id = strike(server, venue, kind="hang", acts=True)
    with pytest.raises(ccxt.RequestTimeout):
        placed(hasty, venue, client_id)
    assert len(server.accepted(venue)[client_id]) == 1


def test_the_venue_may_act_after_the_client_has_given_up_and_asked_once(
    server: ExchangeServer, hasty: dict[str, Any]
) -> None:
    """A8"""
    client_id = strike(server, "binance", act_after_s=1.5)
    with pytest.raises(ccxt.RequestTimeout):
        placed(hasty, "binance", client_id)
    hasty["binance"].timeout = 30_000
    with pytest.raises(ccxt.OrderNotFound):
        hasty["binance"].fetch_order(None, "BTC/USDT", {"clientOrderId": client_id})
    until = time.monotonic() + 30
    while client_id not in server.accepted("binance") and time.monotonic() < until:
        time.sleep(0.02)
    assert hasty["binance"].fetch_order(None, "BTC/USDT", {"clientOrderId": client_id})["filled"] == 0.01


def test_a_late_act_is_still_bound_to_the_window_of_its_request(server: ExchangeServer, hasty: dict[str, Any]) -> None:
    """A8: after the deadline nothing can take effect any more."""
    client_id = strike(server, "binance", act_after_s=0.4)
    params = {"clientOrderId": client_id, "recvWindow": 200}
    with pytest.raises(ccxt.RequestTimeout):
        hasty["binance"].create_order("BTC/USDT", "market", "buy", 0.01, None, params)
    time.sleep(0.3)
    assert client_id not in server.accepted("binance")


def test_a_byte_at_a_time_never_times_out_by_itself(server: ExchangeServer, clients: dict[str, Any]) -> None:
    client_id = strike(server, "kraken", kind="drip", drip_s=0.004)
    began = time.monotonic()
    assert placed(clients, "kraken", client_id)["id"] == server.accepted("kraken")[client_id][0]
    assert time.monotonic() - began > 0.4


def test_an_answer_with_another_client_id_or_another_symbol(server: ExchangeServer, clients: dict[str, Any]) -> None:
    """A13"""
    client_id = strike(server, "binance", kind="client_id")
    assert placed(clients, "binance", client_id)["clientOrderId"] not in (client_id, None)
    client_id = strike(server, "kraken", kind="symbol")
    assert placed(clients, "kraken", client_id)["symbol"] != "BTC/USD"


@pytest.mark.parametrize(
    ("venue", "text", "code", "error"),
    [
        ("kraken", "EService:Unavailable", 0, ccxt.ExchangeNotAvailable),
        ("kraken", "EService:Busy", 0, ccxt.ExchangeNotAvailable),
        ("kraken", "EGeneral:Internal error", 0, ccxt.ExchangeNotAvailable),
        ("kraken", "EAPI:Rate limit exceeded", 0, ccxt.DDoSProtection),
        ("kraken", "EOrder:Rate limit exceeded", 0, ccxt.DDoSProtection),
        ("kraken", "EService:Deadline elapsed", 0, ccxt.ExchangeError),
        ("kraken", "EService:Throttled: 1790000000", 0, ccxt.ExchangeError),
        ("kraken", "EGeneral:Temporary lockout", 0, ccxt.DDoSProtection),
        ("kraken", "EAPI:Invalid nonce", 0, ccxt.InvalidNonce),
        ("kraken", "EAPI:Invalid key", 0, ccxt.AuthenticationError),
        ("kraken", "EService:Market in cancel_only mode", 0, ccxt.OnMaintenance),
        ("binance", "An unknown error occurred while processing the request.", -1000, ccxt.OperationFailed),
        ("binance", "Internal error; unable to process your request. Please try again.", -1001, ccxt.OperationFailed),
        ("binance", "An unexpected response was received from the message bus.", -1006, ccxt.OperationFailed),
        ("binance", "Timeout waiting for response from backend server.", -1007, ccxt.RequestTimeout),
        ("binance", "Too many new orders; current limit is 100 orders per 10 SECOND.", -1015, ccxt.DDoSProtection),
        ("binance", "Timestamp for this request is outside of the recvWindow.", -1021, ccxt.InvalidNonce),
        ("binance", "Account has insufficient balance for requested action.", -2010, ccxt.InsufficientFunds),
        ("binance", "Invalid API-key, IP, or permissions for action.", -2015, ccxt.DDoSProtection),
    ],
)
def test_the_venues_own_words_with_and_without_acting(
    server: ExchangeServer, clients: dict[str, Any], venue: str, text: str, code: int, error: type[Exception]
) -> None:
    """B1 to B8, and B4's worst: an error although it acted."""
    clients[venue].options["hasAlreadyAuthenticatedSuccessfully"] = True
    for acts in (False, True):
        client_id = strike(server, venue, kind="error", text=text, code=code, acts=acts)
        with pytest.raises(error) as raised:
            placed(clients, venue, client_id)
        assert raised.type is error
        assert len(server.accepted(venue).get(client_id, [])) == acts


@pytest.mark.parametrize(("venue", "error"), [("kraken", ccxt.RateLimitExceeded), ("binance", ccxt.DDoSProtection)])
def test_a_429_with_retry_after_turns_away_what_comes_before_its_end(
    server: ExchangeServer, clients: dict[str, Any], venue: str, error: type[Exception]
) -> None:
    """B1"""
    before = server.do("stats")["impatient"]
    client_id = strike(server, venue, kind="status", status=429, retry_after=30)
    for left in ("30", "30"):
        with pytest.raises(error) as raised:
            placed(clients, venue, client_id)
        assert raised.type is error
        assert clients[venue].last_response_headers["Retry-After"] == left
    assert server.do("stats")["impatient"] == before + 1
    assert client_id not in server.accepted(venue)


def test_a_418_is_a_ban(server: ExchangeServer, clients: dict[str, Any]) -> None:
    """B2"""
    client_id = strike(server, "binance", kind="status", status=418, retry_after=120)
    with pytest.raises(ccxt.DDoSProtection):
        placed(clients, "binance", client_id)


def test_reads_that_break_look_like_nothing_on_kraken_without_an_error(
    server: ExchangeServer, clients: dict[str, Any]
) -> None:
    """A12b"""
    client_id = fresh()
    answer = placed(clients, "kraken", client_id, "limit", 40_000)
    server.fault(venue="kraken", kind="html", times=0)
    kraken = clients["kraken"]
    assert kraken.fetch_open_orders() == kraken.fetch_closed_orders() == kraken.fetch_my_trades() == []
    assert kraken.fetch_ohlcv("BTC/USD", "1h") == []
    with pytest.raises(ccxt.OrderNotFound):
        kraken.fetch_order(answer["id"])
    assert kraken.fetch_balance()["total"] == {}


def test_reads_that_break_on_binance(server: ExchangeServer, clients: dict[str, Any]) -> None:
    """A12b"""
    server.fault(venue="binance", kind="html", times=0)
    with pytest.raises(AttributeError):
        clients["binance"].fetch_open_orders("BTC/USDT")
    assert clients["binance"].fetch_order("1000001", "BTC/USDT")["id"] is None


def test_retries_inside_ccxt_place_two_orders_with_one_id(server: ExchangeServer, clients: dict[str, Any]) -> None:
    """A16"""
    client_id = strike(server, "kraken", kind="drop", acts=True)
    clients["kraken"].options["maxRetriesOnFailure"] = 1
    try:
        placed(clients, "kraken", client_id)
    finally:
        clients["kraken"].options["maxRetriesOnFailure"] = 0
    assert len(server.accepted("kraken")[client_id]) == 2


@pytest.mark.parametrize("venue", VENUES)
def test_an_order_may_be_hidden_from_reads_for_a_while(
    server: ExchangeServer, clients: dict[str, Any], venue: str
) -> None:
    """C6"""
    client_id = strike(server, venue, after=[{"op": "hide", "order": "$order", "seconds": 3600}])
    answer = placed(clients, venue, client_id)
    with pytest.raises((ccxt.OrderNotFound, ccxt.InvalidOrder)):
        clients[venue].fetch_order(answer["id"], MARKETS[venue])
    server.do("clock", advance_ms=3_600_000)
    clients[venue].options["timeDifference"] = clients[venue].milliseconds() - server.clock.now_ms()
    try:
        assert clients[venue].fetch_order(answer["id"], MARKETS[venue])["filled"] == 0.01
    finally:
        server.do("clock", real=True)
        clients[venue].options["timeDifference"] = 0


def test_a_fill_may_show_on_the_order_before_its_trade_exists_or_the_reverse(
    server: ExchangeServer, clients: dict[str, Any]
) -> None:
    """C8"""
    binance = clients["binance"]
    server.do("set", venue="binance", trade_lag_ms=3_600_000)
    answer = placed(clients, "binance", fresh())
    assert binance.fetch_order(answer["id"], "BTC/USDT")["filled"] == 0.01
    assert binance.fetch_my_trades("BTC/USDT", params={"orderId": answer["id"]}) == []
    server.do("set", venue="binance", trade_lag_ms=0, order_lag_ms=3_600_000)
    answer = placed(clients, "binance", fresh())
    assert binance.fetch_order(answer["id"], "BTC/USDT")["status"] == "open"
    assert len(binance.fetch_my_trades("BTC/USDT", params={"orderId": answer["id"]})) == 1


@pytest.mark.parametrize(
    ("venue", "path", "method"), [("kraken", "CancelOrder", "POST"), ("binance", "order", "DELETE")]
)
def test_an_order_may_fill_between_the_look_and_the_cancel(
    server: ExchangeServer, clients: dict[str, Any], venue: str, path: str, method: str
) -> None:
    """C4"""
    answer = placed(clients, venue, fresh(), "limit", 40_000)
    server.fault(venue=venue, path=path, method=method, before=[{"op": "fill", "order": "$order"}])
    with pytest.raises(ccxt.OrderNotFound):
        clients[venue].cancel_order(answer["id"], MARKETS[venue])
    assert clients[venue].fetch_order(answer["id"], MARKETS[venue])["status"] == "closed"


@pytest.mark.parametrize("acts", [True, False])
def test_a_cancel_may_time_out_either_way(server: ExchangeServer, hasty: dict[str, Any], acts: bool) -> None:
    """C5"""
    answer = placed(hasty, "kraken", fresh(), "limit", 40_000)
    server.fault(path="CancelOrder", kind="hang", acts=acts)
    with pytest.raises(ccxt.RequestTimeout):
        hasty["kraken"].cancel_order(answer["id"])
    assert hasty["kraken"].fetch_order(answer["id"])["status"] == ("canceled" if acts else "open")


def test_things_happen_that_nobody_here_did(server: ExchangeServer, clients: dict[str, Any]) -> None:
    """C11, C14, C15: cancelled by hand, traded by hand, paid in and out, another program's order."""
    kraken, client_id = clients["kraken"], fresh()
    answer = placed(clients, "kraken", client_id, "limit", 40_000)
    server.do("cancel", order=client_id, reason="User requested")
    assert kraken.fetch_order(answer["id"])["status"] == "canceled"
    before = kraken.fetch_balance()
    server.do("order", symbol="BTC/USD", side="buy", quantity="0.5")
    foreign = server.do("order", symbol="BTC/USD", side="buy", quantity="0.5", kind="limit", price="30000", userref=9)
    server.do("deposit", asset="BTC", amount="0.25")
    server.do("withdraw", asset="BTC", amount="0.05")
    after = kraken.fetch_balance()
    assert round(after["BTC"]["total"] - before["BTC"].get("total", 0), 8) == 0.7
    assert foreign in [order["id"] for order in kraken.fetch_open_orders()]
    assert "" not in server.accepted()


def test_a_rule_strikes_the_nth_that_fits_so_often_and_names_itself_in_the_journal(
    server: ExchangeServer, clients: dict[str, Any]
) -> None:
    kraken = clients["kraken"]
    rule = server.fault(path="Time", nth=2, times=2, kind="status", status=502, name="second and third")
    outcomes = []
    for _ in range(4):
        try:
            kraken.fetch_time()
            outcomes.append("answered")
        except ccxt.ExchangeNotAvailable:
            outcomes.append("broken")
    assert outcomes == ["answered", "broken", "broken", "answered"]
    assert (rule.seen, rule.used) == (4, 2)
    assert [row["fault"] for row in server.requests("Time")[-4:]] == ["", "second and third", "second and third", ""]


def test_a_rule_may_strike_one_request_of_all(server: ExchangeServer, clients: dict[str, Any]) -> None:
    kraken = clients["kraken"]
    server.do("clear", recount=True)
    server.fault(overall=2, kind="status", status=502)
    kraken.fetch_status()
    with pytest.raises(ccxt.ExchangeNotAvailable):
        kraken.fetch_time()
    kraken.fetch_time()


def test_a_rule_may_look_at_the_parameters(server: ExchangeServer, clients: dict[str, Any]) -> None:
    server.fault(path="AddOrder", params={"ordertype": "stop-loss"}, kind="error", text="EService:Unavailable")
    placed(clients, "kraken", fresh())
    with pytest.raises(ccxt.ExchangeNotAvailable):
        clients["kraken"].create_order("BTC/USD", "market", "sell", 0.01, None, {"stopLossPrice": 45_000})


def test_what_a_rule_cannot_do_is_told_by_the_audit() -> None:
    with ExchangeServer() as server:
        kraken = server.ccxt("kraken")
        server.fault(path="Time", before=[{"op": "cancel", "order": "nothing"}])
        with pytest.raises(ccxt.ExchangeNotAvailable):
            kraken.fetch_time()
        (line,) = server.audit()
        assert "no order 'nothing'" in line
    with pytest.raises(ValueError, match="known: "):
        server.fault(kind="explode")
