"""Answers that lack something: each part of each answer is taken away or spoilt in turn, and nothing false is believed."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from exchange import ExchangeServer
from rig import NOW_MS, Rig, rig

from trader_cli.errors import VenueError
from trader_cli.model.orders import OrderState, TicketKind
from trader_cli.venues.answers import MalformedError, amount
from trader_cli.venues.reply import Reply

VENUES = ("kraken", "binance")
MONEY = {"kraken": {"USD": 10_000, "BTC": 1}, "binance": {"USDT": 10_000, "BTC": 1}}
BAD = (None, "", [], {}, "NaN", "-1", "1e99", True, "word", {"a": 1}, [1])


@pytest.fixture
def server() -> Iterator[ExchangeServer]:
    with ExchangeServer(balances=MONEY, now_ms=NOW_MS) as running:
        yield running


@pytest.fixture(params=VENUES)
def desk(request: pytest.FixtureRequest, server: ExchangeServer, tmp_path: Path) -> Rig:
    made = rig(server, request.param, tmp_path)
    made.account.rules([made.symbol])
    return made


def spoilt(value: Any) -> Iterator[Any]:
    """Yield a JSON value with each of its parts taken away, then with each replaced by what it cannot be."""
    parts = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for part in parts:
        for bad in ("gone", *BAD):
            other = copy.deepcopy(value)
            if bad == "gone":
                del other[part]
            else:
                other[part] = bad
            yield other
        for inner in spoilt(value[part]):
            other = copy.deepcopy(value)
            other[part] = inner
            yield other


def replay(desk: Rig, monkeypatch: pytest.MonkeyPatch, data: Any) -> None:
    """Let the venue's next answers be this."""
    reply = Reply(200, {}, "", parsed=True, data=data)
    monkeypatch.setattr(desk.client, "ask", lambda *_, **__: reply)


def recorded(desk: Rig, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep every answer that comes from now on."""
    kept: list[Any] = []
    ask = desk.client.ask

    def keeping(*given: Any, **named: Any) -> Reply:
        reply = ask(*given, **named)
        kept.append(reply.data)
        return reply

    monkeypatch.setattr(desk.client, "ask", keeping)
    return kept


def test_an_order_is_told_as_it_is_or_not_at_all(desk: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A12b and A13: whatever is missing or spoilt, no other order comes of it and no `None`."""
    ticket = desk.ticket(TicketKind.STOP, side=-1, trigger="45000")
    desk.place(ticket)
    kept = recorded(desk, monkeypatch)
    truth = desk.account.find(ticket.client_id, desk.symbol)
    assert truth is not None
    refused = 0
    for data in spoilt(kept[0]):
        replay(desk, monkeypatch, data)
        empty = desk.venue == "kraken" and isinstance(data.get("result"), dict) and data["result"].get("open") == {}
        if data.get("isWorking") is True:
            # Nothing is spoilt: this is what a triggered stop looks like.
            continue
        if empty:
            # A well-formed list without the order is what proves that it is not open; the list of ended ones is asked next.
            continue
        try:
            found = desk.account.find(ticket.client_id, desk.symbol)
        except VenueError:
            refused += 1
            continue
        assert found is not None, data
        assert (found.venue_id, found.symbol, found.side, found.quantity, found.filled) == (
            truth.venue_id, truth.symbol, truth.side, truth.quantity, truth.filled,
        ), data  # fmt: skip
        assert found.status == truth.status, data
    assert refused > 60


def test_balances_are_told_as_they_are_or_not_at_all(desk: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = recorded(desk, monkeypatch)
    truth = desk.account.balances()
    part = "result" if desk.venue == "kraken" else "balances"
    for data in spoilt(kept[0]):
        value = data.get(part)
        if isinstance(value, (dict, list)) and len(value) < len(kept[0][part]):
            # An asset less is a well-formed answer: somebody has sold it.
            continue
        replay(desk, monkeypatch, data)
        try:
            found = desk.account.balances()
        except VenueError:
            continue
        # A name that is a list of letters is some other asset, never another amount of ours.
        assert all(found.get(asset, balance) == balance for asset, balance in truth.items()), data


def test_trades_are_told_as_they_are_or_not_at_all(desk: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    ticket = desk.ticket()
    desk.place(ticket)
    order = desk.account.find(ticket.client_id, desk.symbol)
    assert order is not None
    kept = recorded(desk, monkeypatch)
    (truth,) = desk.account.trades(order)
    refused = 0
    for data in spoilt(kept[0]):
        replay(desk, monkeypatch, data)
        try:
            found = desk.account.trades(order)
        except VenueError:
            refused += 1
            continue
        for trade in found:
            assert (trade.quantity, trade.price, trade.cost, trade.fee, trade.side, trade.symbol) == (
                truth.quantity, truth.price, truth.cost, truth.fee, truth.side, truth.symbol,
            ), data  # fmt: skip
    assert refused > 60


def test_an_acceptance_is_the_venues_id_or_an_open_fate(desk: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A12 and A13."""
    ticket = desk.ticket(TicketKind.LIMIT, price="49000")
    kept = recorded(desk, monkeypatch)
    truth = desk.account.place(ticket)
    states = set()
    for data in spoilt(kept[0]):
        replay(desk, monkeypatch, data)
        answer = desk.account.place(ticket)
        states.add(answer.state)
        if answer.state is OrderState.OPEN:
            assert answer.venue_id in (truth.venue_id, "word", "NaN", "-1", "1e99"), data
        else:
            assert answer.venue_id == ""
    # An `error` or a `code` that is put there by spoiling may refuse; a spoilt acceptance never does.
    assert states <= {OrderState.OPEN, OrderState.UNKNOWN}


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-0.1", "1e21", "one", "", " "])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        amount(text, "an amount")


@pytest.mark.parametrize(
    ("value", "made"), [("0.10000000", "0.1"), (3, "3"), (Decimal("1e-8"), "0.00000001"), ("0", "0")]
)
def test_an_amount_is_taken_exactly(value: Any, made: str) -> None:
    assert amount(value, "an amount") == Decimal(made)


def test_a_number_in_an_answer_is_never_a_float() -> None:
    data = Reply.of(200, {}, '{"a":0.1,"b":[1.000000000000000000001],"c":7}').data
    assert data == {"a": Decimal("0.1"), "b": [Decimal("1.000000000000000000001")], "c": 7}


def test_somebody_elses_relative_stop_does_not_hide_our_orders(server: ExchangeServer, tmp_path: Path,
                                                               monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """C15."""
    desk = rig(server, "kraken", tmp_path)
    desk.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    kept = recorded(desk, monkeypatch)
    (ours,) = desk.account.open_orders()
    data = kept[0]
    foreign = copy.deepcopy(data["result"]["open"][ours.venue_id])
    foreign.pop("cl_ord_id")
    foreign["descr"] |= {"ordertype": "trailing-stop", "price": "+1.5000%"}
    data["result"]["open"]["OFOREI-GNXXX-XXXXXX"] = foreign
    replay(desk, monkeypatch, data)
    found = desk.account.open_orders()
    assert [order.is_ours for order in found] == [True, False]
    assert found[1].trigger == 0
    foreign["cl_ord_id"] = ours.client_id
    with pytest.raises(VenueError):
        desk.account.open_orders()


def test_a_redirect_is_not_followed(server: ExchangeServer, tmp_path: Path) -> None:
    """A16: a redirected POST would be a second request."""
    seen: list[str] = []

    class Redirecting(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append(self.path)
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(307)
            self.send_header("Location", f"{server.url}{self.path}")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Redirecting) as other:
        thread = threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        desk = rig(server, "kraken", tmp_path, api_url=f"http://127.0.0.1:{other.server_address[1]}")
        answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
        other.shutdown()
        thread.join(5)
    assert answer.state is OrderState.UNKNOWN
    assert seen == ["/0/private/AddOrder"]
    assert server.requests() == []


def test_a_failure_being_handled_meanwhile_proves_nothing_about_this_request(desk: Rig) -> None:
    """A9 inside the handling of an A10: the first one's refused connection is not the second one's."""
    desk.server.fault(method="POST", venue=desk.venue, kind="drop", acts=True)
    try:
        raise type("NewConnectionError", (OSError,), {})("nobody listens")
    except OSError:
        answer = desk.account.place(desk.ticket(TicketKind.LIMIT, price="49000"))
    assert (answer.state, answer.pattern) == (OrderState.UNKNOWN, "broken")


def test_rules_that_cannot_be_kept_stop_an_order_before_it_is_sent(server: ExchangeServer, tmp_path: Path) -> None:
    """E5."""
    desk = rig(server, "binance", tmp_path)

    def full(_: Any) -> Any:
        raise OSError(28, "No space left on device")

    desk.account._rulebook = type("Full", (), {"raw": staticmethod(full)})()
    answer = desk.account.place(desk.ticket(TicketKind.STOP, side=-1, trigger="45000"))
    assert (answer.state, answer.pattern) == (OrderState.REJECTED, "rules_unkept")
    assert desk.placements == 0
