"""One order, one request, one of three answers: what every fault of the wire and every refusal makes of a placement."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from exchange import ExchangeServer
from rig import NOW_MS, Rig, rig

from trader_cli.errors import VenueError
from trader_cli.model.orders import Answer, OrderState, Resolution, TicketKind

pytestmark = pytest.mark.req("R1.2")

OPEN, REJECTED, UNKNOWN = OrderState.OPEN, OrderState.REJECTED, OrderState.UNKNOWN
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


def strike(desk: Rig, **fault: object) -> Answer:
    """Place one order under one fault; whatever it was, exactly one request left and at most one order came of it."""
    path = "AddOrder" if desk.venue == "kraken" else "*/v3/order"
    desk.server.fault(path=path, method="POST", venue=desk.venue, times=0, **fault)
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    assert desk.placements == 1
    assert sum(map(len, desk.accepted.values())) <= 1
    assert answer.state in (OPEN, REJECTED, UNKNOWN)
    assert bool(answer.venue_id) is (answer.state is OPEN)
    return answer


def test_an_order_that_is_taken_is_open_under_the_venues_id(desk: Rig) -> None:
    ticket = desk.ticket(TicketKind.LIMIT, price="49000")
    answer = desk.account.place(ticket)
    assert answer.state is OPEN
    assert desk.accepted == {ticket.client_id: [answer.venue_id]}
    assert desk.placements == 1


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_a_connection_that_ends_leaves_the_fate_open(desk: Rig, kind: str, acts: bool) -> None:
    """A9: with and without acceptance it looks the same."""
    answer = strike(desk, kind=kind, acts=acts)
    assert (answer.state, answer.pattern, answer.resolution) == (UNKNOWN, "broken", Resolution.LOOK_UP)
    assert len(desk.accepted) == acts


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize("venue", VENUES)
def test_a_time_out_leaves_the_fate_open(server: ExchangeServer, tmp_path: Path, venue: str, acts: bool) -> None:
    """A6 and A7."""
    desk = rig(server, venue, tmp_path, timeout_s=1)
    answer = strike(desk, kind="hang", acts=acts)
    assert (answer.state, answer.pattern) == (UNKNOWN, "timeout")
    assert len(desk.accepted) == acts


@pytest.mark.parametrize("venue", VENUES)
def test_an_answer_that_drips_in_is_a_time_out_as_a_whole(server: ExchangeServer, tmp_path: Path, venue: str) -> None:
    desk = rig(server, venue, tmp_path, timeout_s=1)
    answer = strike(desk, kind="drip", drip_s=0.02)
    assert (answer.state, answer.pattern) == (UNKNOWN, "timeout")
    assert len(desk.accepted) == 1


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("html", "malformed"),
        ("empty", "malformed"),
        ("cut", "malformed"),
        ("shape", "malformed"),
        ("symbol", "wrong_answer"),
        ("short", "broken"),
    ],
)
def test_an_accepted_order_whose_answer_is_spoilt_is_neither_success_nor_failure(
    desk: Rig, kind: str, pattern: str
) -> None:
    """A12 and A13."""
    answer = strike(desk, kind=kind)
    assert (answer.state, answer.pattern) == (UNKNOWN, pattern)
    assert len(desk.accepted) == 1


def test_another_client_id_in_the_answer_leaves_the_fate_open(server: ExchangeServer, tmp_path: Path) -> None:
    """A13; Kraken's answer to an order carries no client id."""
    answer = strike(rig(server, "binance", tmp_path), kind="client_id")
    assert (answer.state, answer.pattern) == (UNKNOWN, "wrong_answer")


@pytest.mark.parametrize("acts", [True, False])
@pytest.mark.parametrize(
    ("status", "pattern"),
    [(status, "http_4xx") for status in (400, 401, 403, 404, 409)]
    + [(status, "http_5xx") for status in (500, 501, 502, 503, 520, 521, 522, 524, 525)]
    + [(408, "http_timeout"), (504, "http_timeout"), (418, "http_418"), (429, "http_429")],
)  # fmt: skip
def test_a_page_with_a_status_leaves_the_fate_open(desk: Rig, status: int, pattern: str, acts: bool) -> None:
    """A11, B4 and the first two of B1: only the venue's own words refuse an order."""
    answer = strike(desk, kind="status", status=status, acts=acts)
    assert (answer.state, answer.pattern) == (UNKNOWN, pattern)
    assert len(desk.accepted) == acts


def test_a_redirected_order_is_not_sent_again(desk: Rig) -> None:
    """A16."""
    answer = strike(desk, kind="status", status=307, acts=True)
    assert (answer.state, answer.pattern) == (UNKNOWN, "http_3xx")


KRAKEN_TEXTS = [
    ("EService:Unavailable", UNKNOWN, "unavailable", Resolution.LOOK_UP),
    ("EService:Busy", UNKNOWN, "unavailable", Resolution.LOOK_UP),
    ("EGeneral:Internal error", UNKNOWN, "internal", Resolution.LOOK_UP),
    ("EService:Deadline elapsed", UNKNOWN, "deadline_elapsed", Resolution.LOOK_UP),
    ("EOrder:Duplicate cl_ord_id", UNKNOWN, "duplicate_id", Resolution.LOOK_UP),
    ("EOrder:A text of tomorrow", UNKNOWN, "unlisted", Resolution.LOOK_UP),
    ("EService:Throttled: 1790000030", REJECTED, "throttled", Resolution.WAIT),
    ("EAPI:Rate limit exceeded", REJECTED, "call_limit", Resolution.WAIT),
    ("EOrder:Rate limit exceeded", REJECTED, "order_limit", Resolution.WAIT),
    ("EGeneral:Temporary lockout", REJECTED, "lockout", Resolution.WAIT),
    ("EAPI:Invalid nonce", REJECTED, "nonce", Resolution.RESYNC),
    ("EAPI:Invalid signature", REJECTED, "bad_key", Resolution.HALT_ALL),
    ("EGeneral:Permission denied", REJECTED, "no_permission", Resolution.HALT_ALL),
    ("EService:Market in cancel_only mode", REJECTED, "cancel_only", Resolution.SKIP_SYMBOL),
    ("EService:Market in post_only mode", REJECTED, "post_only_mode", Resolution.SKIP_SYMBOL),
    ("EQuery:Unknown asset pair", REJECTED, "unknown_market", Resolution.SKIP_SYMBOL),
    ("EOrder:Insufficient funds", REJECTED, "insufficient_funds", Resolution.SKIP_SYMBOL),
    ("EOrder:Order minimum not met", REJECTED, "below_minimum", Resolution.SKIP_SYMBOL),
    ("EOrder:Cost minimum not met", REJECTED, "below_minimum", Resolution.SKIP_SYMBOL),
    ("EOrder:Tick size check failed", REJECTED, "bad_price", Resolution.SKIP_SYMBOL),
    ("EOrder:Post only order", REJECTED, "would_cross", Resolution.SKIP_SYMBOL),
    ("EOrder:Orders limit exceeded", REJECTED, "orders_limit", Resolution.SKIP_SYMBOL),
    ("EGeneral:Invalid arguments:cl_ord_id", REJECTED, "bad_arguments", Resolution.SKIP_SYMBOL),
]

BINANCE_TEXTS = [
    (-1000, "An unknown error occurred.", UNKNOWN, "unknown_outcome", Resolution.LOOK_UP),
    (-1001, "Internal error.", UNKNOWN, "unknown_outcome", Resolution.LOOK_UP),
    (-1006, "Unexpected response.", UNKNOWN, "unknown_outcome", Resolution.LOOK_UP),
    (-1007, "Timeout waiting for response from backend server.", UNKNOWN, "unknown_outcome", Resolution.LOOK_UP),
    (-1008, "Server is currently overloaded.", UNKNOWN, "overloaded", Resolution.LOOK_UP),
    (-2010, "Duplicate order sent.", UNKNOWN, "duplicate_id", Resolution.LOOK_UP),
    (-2010, "A text of tomorrow.", UNKNOWN, "unlisted", Resolution.LOOK_UP),
    (-1003, "Too many requests.", REJECTED, "call_limit", Resolution.WAIT),
    (-1015, "Too many new orders.", REJECTED, "order_limit", Resolution.WAIT),
    (-1021, "Timestamp for this request is outside of the recvWindow.", REJECTED, "clock", Resolution.RESYNC),
    (-1022, "Signature for this request is not valid.", REJECTED, "bad_key", Resolution.HALT_ALL),
    (-2015, "Invalid API-key, IP, or permissions for action.", REJECTED, "bad_key", Resolution.HALT_ALL),
    (-1013, "Filter failure: NOTIONAL", REJECTED, "below_minimum", Resolution.SKIP_SYMBOL),
    (-1013, "Filter failure: LOT_SIZE", REJECTED, "lot_size", Resolution.SKIP_SYMBOL),
    (-1013, "Filter failure: PRICE_FILTER", REJECTED, "bad_price", Resolution.SKIP_SYMBOL),
    (-1013, "Market is closed.", REJECTED, "market_closed", Resolution.SKIP_SYMBOL),
    (-1013, "Filter failure: MAX_NUM_ORDERS", REJECTED, "orders_limit", Resolution.SKIP_SYMBOL),
    (-1121, "Invalid symbol.", REJECTED, "unknown_market", Resolution.SKIP_SYMBOL),
    (-2010, "Account has insufficient balance for requested action.", REJECTED, "insufficient_funds", Resolution.SKIP_SYMBOL),
    (-2010, "Order would immediately match and take.", REJECTED, "would_cross", Resolution.SKIP_SYMBOL),
    (-2010, "Stop price would trigger immediately.", REJECTED, "would_trigger", Resolution.SKIP_SYMBOL),
]  # fmt: skip


@pytest.mark.req("R1.9")
@pytest.mark.parametrize(("text", "state", "pattern", "resolution"), KRAKEN_TEXTS)
def test_what_kraken_says_against_an_order(
    server: ExchangeServer, tmp_path: Path, text: str, state: OrderState, pattern: str, resolution: Resolution
) -> None:
    """B2 to B15 and A14, as Kraken words them."""
    answer = strike(rig(server, "kraken", tmp_path), kind="error", text=text)
    assert (answer.state, answer.pattern, answer.resolution) == (state, pattern, resolution)
    assert text in answer.message


@pytest.mark.req("R1.9")
@pytest.mark.parametrize(("code", "text", "state", "pattern", "resolution"), BINANCE_TEXTS)
def test_what_binance_says_against_an_order(
    server: ExchangeServer, tmp_path: Path, code: int, text: str, state: OrderState, pattern: str, resolution: Resolution
) -> None:  # fmt: skip
    """B2 to B15 and A14, as Binance words them; its host is not the real one."""
    desk = rig(server, "binance", tmp_path)
    # A -2015 after something succeeded is what ccxt shows as an attack on the venue.
    desk.account.balances()
    answer = strike(desk, kind="error", code=code, text=text)
    assert (answer.state, answer.pattern, answer.resolution) == (state, pattern, resolution)


def test_a_refusal_beside_a_failure_of_the_server_is_no_refusal(server: ExchangeServer, tmp_path: Path) -> None:
    answer = strike(
        rig(server, "binance", tmp_path), kind="error", status=503, code=-2010, text="Duplicate order sent."
    )
    assert answer.state is UNKNOWN


@pytest.mark.parametrize("status", [429, 418])
def test_a_ban_is_told_to_the_budget_with_its_end(desk: Rig, status: int) -> None:
    """B1 and B2."""
    answer = strike(desk, kind="status", status=status, retry_after=17)
    assert answer.state is UNKNOWN
    assert answer.retry_ms == NOW_MS + 17_000
    assert desk.purse.bans == [NOW_MS + 17_000]


def test_a_throttled_request_waits_for_the_moment_kraken_names(server: ExchangeServer, tmp_path: Path) -> None:
    """B2."""
    desk = rig(server, "kraken", tmp_path)
    assert strike(desk, kind="error", text="EService:Throttled: 1790000030").retry_ms == NOW_MS + 30_000
    assert desk.purse.bans == [NOW_MS + 30_000]


def test_a_full_counter_without_a_time_is_left_to_the_budgets_own_decay(server: ExchangeServer, tmp_path: Path) -> None:
    """B3."""
    desk = rig(server, "kraken", tmp_path)
    assert strike(desk, kind="error", text="EOrder:Rate limit exceeded").retry_ms == NOW_MS + 15_000
    assert desk.purse.bans == [0]


def test_a_repeated_client_id_is_refused_by_the_venue_and_points_to_the_first_order(desk: Rig) -> None:
    """A14: the one way to a duplicate is to ask twice, and that answer is no rejection."""
    ticket = desk.ticket(TicketKind.LIMIT, price="49000")
    first = desk.place(ticket)
    again = desk.account.place(ticket)
    assert (again.state, again.pattern) == (UNKNOWN, "duplicate_id")
    found = desk.account.find(ticket.client_id, desk.symbol)
    assert found is not None
    assert found.venue_id == first


@pytest.mark.req("R1.4")
def test_an_order_below_the_minimum_teaches_that_more_is_needed(server: ExchangeServer, tmp_path: Path) -> None:
    """B9: 0.00004 BTC at 49,000 are 1.96 in quote; whatever the minimum is, it is more."""
    for venue in VENUES:
        desk = rig(server, venue, tmp_path)
        desk.account.rules([desk.symbol])
        answer = desk.account.place(desk.ticket(TicketKind.LIMIT, quantity="0.00004", price="49000"))
        assert (answer.state, answer.pattern) == (REJECTED, "below_minimum")
        assert answer.minimum == Decimal("1.96000001")
        # The rules allowed it, so they are asked for anew.
        asked = len(desk.asked)
        desk.account.rules([desk.symbol])
        assert len(desk.asked) == asked + 1


@pytest.mark.req("R1.4")
def test_a_minimum_that_the_venue_states_in_quote_is_learned_as_stated(server: ExchangeServer, tmp_path: Path) -> None:
    desk = rig(server, "binance", tmp_path)
    text = "Filter failure: NOTIONAL, at least 612.5 USDT"
    assert strike(desk, kind="error", code=-1013, text=text).minimum == Decimal("612.5")


def test_no_connection_means_that_nothing_was_written(server: ExchangeServer, tmp_path: Path) -> None:
    """A10: a refused connection is the one failure of the network that proves something."""
    for venue in VENUES:
        desk = rig(server, venue, tmp_path, api_url="http://127.0.0.1:1")
        answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
        assert (answer.state, answer.pattern, answer.resolution) == (REJECTED, "not_sent", Resolution.SKIP_CYCLE)


def test_a_name_that_leads_nowhere_means_that_nothing_was_written(server: ExchangeServer, tmp_path: Path) -> None:
    """A10."""
    desk = rig(server, "kraken", tmp_path, api_url="http://nowhere.invalid")
    assert desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000")).pattern == "not_sent"


def test_a_broken_handshake_leaves_the_fate_open(server: ExchangeServer, tmp_path: Path) -> None:
    """A10: TLS asked of a server that speaks none."""
    desk = rig(server, "kraken", tmp_path, api_url=server.url.replace("http:", "https:"))
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    assert answer.state is UNKNOWN
    assert desk.placements == 0


def test_an_order_over_budget_is_not_sent(desk: Rig) -> None:
    desk.purse.refusal = VenueError("used up", pattern="budget", resolution="wait", retry_ms=NOW_MS + 900)
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    assert (answer.state, answer.pattern, answer.resolution) == (REJECTED, "budget", Resolution.WAIT)
    assert answer.retry_ms == NOW_MS + 900
    assert desk.placements == 0


@pytest.mark.parametrize(("venue", "ahead_ms"), [("kraken", 1_999), ("binance", 0)])
def test_an_order_whose_deadline_is_too_near_is_not_sent(
    server: ExchangeServer, tmp_path: Path, venue: str, ahead_ms: int
) -> None:
    desk = rig(server, venue, tmp_path)
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000", deadline_ms=NOW_MS + ahead_ms))
    assert (answer.state, answer.pattern) == (REJECTED, "too_late")
    assert desk.placements == 0


@pytest.mark.parametrize("venue", VENUES)
def test_a_request_that_arrives_after_the_deadline_is_not_carried_out(
    server: ExchangeServer, tmp_path: Path, venue: str
) -> None:
    """A8 and B6: the venue acts six seconds late, the deadline was five."""
    desk = rig(server, venue, tmp_path)
    answer = strike(desk, before=[{"op": "clock", "advance_ms": 6_000}])
    assert answer.state is (UNKNOWN if venue == "kraken" else REJECTED)
    assert answer.pattern == ("deadline_elapsed" if venue == "kraken" else "clock")
    assert desk.accepted == {}


def test_a_revoked_key_halts(desk: Rig) -> None:
    """B8: also after earlier successes."""
    desk.account.balances()
    desk.server.do("key", venue=desk.venue, revoked=True)
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    assert (answer.state, answer.resolution) == (REJECTED, Resolution.HALT_ALL)


def test_a_secret_of_another_form_is_found_before_anything_is_sent(server: ExchangeServer, tmp_path: Path) -> None:
    """B8: Kraken's secrets are base64."""
    desk = rig(server, "kraken", tmp_path, secret="abcde")  # noqa: S106
    answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    assert (answer.state, answer.pattern, answer.resolution) == (REJECTED, "unsigned", Resolution.HALT_ALL)
    assert "abcde" not in answer.message
    assert desk.placements == 0


def test_nothing_in_ccxt_sends_an_order_twice(desk: Rig) -> None:
    """A16: even with ccxt's own retries switched on behind our back."""
    desk.client.exchange.options["maxRetriesOnFailure"] = 3
    answer = strike(desk, kind="drop", acts=True)
    assert answer.state is UNKNOWN


@pytest.mark.parametrize(
    ("code", "name"), [(-1008, "OperationFailed"), (-2013, "OrderNotFound"), (-1099, "AuthenticationError")]
)
def test_binances_spot_codes_keep_their_meaning_at_another_host(
    server: ExchangeServer, tmp_path: Path, code: int, name: str
) -> None:
    """ccxt chooses them by the name of the real host; whoever uses its own calls must not be told otherwise."""
    desk = rig(server, "binance", tmp_path)
    server.fault(kind="error", status=400, code=code, text="some words")
    with pytest.raises(Exception, match="some words") as caught:
        desk.client.exchange.private_get_account()
    assert type(caught.value).__name__ == name


def test_every_address_leads_to_the_host_that_was_given_and_keeps_its_path(
    server: ExchangeServer, tmp_path: Path
) -> None:
    for venue in VENUES:
        urls = rig(server, venue, tmp_path).client.exchange.urls["api"]
        assert {url.removeprefix(server.url)[:1] for url in urls.values()} <= {"", "/"}
        assert all(url.startswith(server.url) for url in urls.values())
        assert urls["private"] == server.url + ("" if venue == "kraken" else "/api/v3")
