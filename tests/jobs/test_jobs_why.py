"""`report why`: the chain of an order and of a simulated fill, as far as the ledger holds it (X6)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from report_books import (
    HELD,
    HOUR,
    NOON,
    ONE,
    Shelf,
    fill_row,
    record,
    risk_row,
    session,
    shelf,
    step,
    ticket,
    trip_row,
    venue_fill,
)

from trader_cli.errors import UsageError
from trader_cli.jobs import why as told_by
from trader_cli.jobs.why import Chain
from trader_cli.model.fills import Reason
from trader_cli.model.orders import OrderState, Purpose, TicketKind


def why(book: Shelf, asked: str) -> Chain:
    return told_by.why(book, book.entries, asked)


SAID = {"decisions": {"main|BTC/USD": {"strategy": "momentum", "level": 0.5, "confidence": 0.8}}}


def traded() -> Shelf:
    """An entry of 1 BTC that filled in one trade, its decision two steps ago."""
    asked = ticket("entry")
    book = shelf(all_orders=[record(asked, OrderState.FILLED, filled=ONE, venue_id="OABC-1", message="closed")])
    mine = book.all_sessions[0]
    book.all_steps[mine.run_id] = [
        step(mine, {0: HELD}, seq=8, bar_ms=NOON),
        step(mine, {0: HELD}, seq=7),
        step(mine, notes=SAID, seq=6, marks=(100 * ONE, 50 * ONE)),
    ]
    book.trades["live-1"] = [venue_fill(asked, 4, "1", "100.2")]
    book.tables["fills", "live-1"] = [fill_row(4)]
    book.tables["risk_events", "live-1"] = [
        risk_row("conflict", "confidence", strategy="grid", message="momentum wins by confidence", number="0.8", limit="0.6"),
        risk_row("refusal", "max_symbol", message="BTC/USD: too much", number="300", limit="250", unit="USD"),
        risk_row("refusal", "no_cash", message="an hour later", time_ms=NOON + HOUR, last_ms=NOON + HOUR),
        risk_row("refusal", "var", message="another's", wallet="grid"),
        risk_row("breaker", "daily_loss", message="the day", wallet="all", symbol="", number="5", limit="4", unit="USD"),
    ]  # fmt: skip
    book.all_entries = [{"txn": 4, "account": "assets:cash:USD", "asset": "USD", "amount": -10_020_000_000},
                        {"txn": 4, "account": "assets:holding:BTC", "asset": "BTC", "amount": ONE},
                        {"txn": 5, "account": "assets:cash:USD", "asset": "USD", "amount": 1}]  # fmt: skip
    return book


def told(chain: Chain, stage: str) -> list[str]:
    return [one.text for one in chain.links if one.stage == stage]


@pytest.mark.req("X6")
def test_the_chain_leads_from_the_bar_to_the_entries() -> None:
    chain = why(traded(), "OABC-1")
    stages = list(dict.fromkeys(one.stage for one in chain.links))
    assert stages == ["bar", "signal", "conflict", "limit", "rule", "ticket", "event", "trade", "fill", "entry", "trip"]
    assert (chain.symbol, chain.wallet, chain.run_id) == ("BTC/USD", "main", "live-1")
    assert told(chain, "bar") == ["BTC/USD closed at 100, decided on 2026-01-01T12:00:05Z in step 6"]
    assert told(chain, "signal") == ["momentum wants to hold 0.5 of its share with confidence 0.8"]
    assert told(chain, "conflict") == ["confidence: momentum wins by confidence (measured 0.8, limit 0.6)"]
    assert told(chain, "limit") == [
        "max symbol: BTC/USD: too much (measured 300 USD, limit 250 USD)",
        "daily loss: the day (measured 5 USD, limit 4 USD)",
    ]
    assert told(chain, "rule") == [
        "entry by strategy: limit buy of 2 at 101, +100.0 bps from the price at the decision, 100"
    ]
    assert told(chain, "event") == ["sending", "filled, 1 filled: closed"]
    assert told(chain, "trade") == ["1 at 100.2, fee 0.2 USD, as taker"]
    assert told(chain, "fill") == ["bought 1 at 100: 100 USD, fee 0.2, transaction 4"]
    assert told(chain, "entry") == ["-100.2 USD assets:cash:USD", "+1 BTC assets:holding:BTC"]
    assert told(chain, "trip") == ["its round trip is still under way"]


@pytest.mark.parametrize("named", ["client", "short", "key", "venue", "transaction", "time"])
def test_an_order_goes_by_any_of_its_names(named: str) -> None:
    book = traded()
    asked = book.all_orders[0].ticket
    names = {
        "client": asked.client_id[:20],
        "short": asked.client_id[9:18],
        "key": asked.key[:-2],
        "venue": "OABC",
        "transaction": "4",
        "time": "BTC/USD@2026-01-01T12:00",
    }
    assert why(book, names[named]).subject == f"order {asked.client_id}"


def test_what_could_be_several_orders_names_them_and_an_exact_name_is_one() -> None:
    book = traded()
    first = book.all_orders[0]
    second = replace(record(ticket("other"), OrderState.OPEN), venue_id="OABC-12")
    book.all_orders.append(second)
    assert why(book, "OABC-1").subject == f"order {first.ticket.client_id}"
    with pytest.raises(UsageError, match="`OABC` could be 2 orders") as raised:
        why(book, "OABC")
    assert f"`trader report why {second.ticket.client_id}`" in raised.value.hints


@pytest.mark.parametrize("asked", ["nothing", "", "99", "BTC/USD@never", "BTC/USD@2020-01-01"])
def test_what_no_session_knows_is_said_with_a_way_to_find_it(asked: str) -> None:
    with pytest.raises(UsageError, match="no session has an order or fill") as raised:
        why(traded(), asked)
    assert "`trader report orders` lists the orders" in raised.value.hints[0]


def paper() -> Shelf:
    mine = session("paper-1", "paper")
    book = Shelf([mine], {mine.run_id: [step(mine, {0: HELD}, notes=SAID)]})
    book.tables["fills", "paper-1"] = [
        fill_row(9, time_ms=NOON + 3 * HOUR, side=-1, reason=int(Reason.STOP)),
        fill_row(7),
    ]
    book.tables["trades", "paper-1"] = [trip_row()]
    return book


@pytest.mark.req("X6")
def test_a_simulated_fill_has_the_chain_of_the_bar_that_closed_when_it_happened() -> None:
    chain = why(paper(), "7")
    assert chain.subject == "fill 7, simulated"
    assert told(chain, "bar") == ["BTC/USD closed at 110, decided on 2026-01-01T12:00:05Z in step 7"]
    assert told(chain, "limit") == ["no limit refused or stopped anything here at that bar"]
    assert told(chain, "rule") == ["market buy by strategy"]
    assert told(chain, "trip") == ["momentum: 2 USD in 3 bars, closed by stop"]


def test_a_level_inside_a_bar_needs_no_decision_and_says_so() -> None:
    chain = why(paper(), "BTC/USD@2026-01-01T15:20Z")
    assert told(chain, "bar") == ["no step of the session decided on the bar that closed then"]
    assert told(chain, "rule") == ["market sell by stop: a level in the book was reached inside the bar"]


def test_two_fills_in_one_bar_are_named_by_their_transactions() -> None:
    book = paper()
    book.tables["fills", "paper-1"].append(fill_row(8))
    with pytest.raises(UsageError, match="could be 2 fills") as raised:
        why(book, "BTC/USD@2026-01-01T12:00:00Z")
    assert raised.value.hints == ("`trader report why 7`", "`trader report why 8`")


def test_a_stop_order_is_told_with_its_trigger_and_a_bar_without_notes_says_so() -> None:
    asked = ticket("stop", side=-1, kind=TicketKind.STOP, purpose=Purpose.STOP, price=0, trigger=95 * ONE, reason=1)
    chain = why(shelf(all_orders=[record(asked, OrderState.OPEN, venue_id="S-1")]), "S-1")
    assert told(chain, "rule") == ["stop by stop: stop sell of 2 at 95, -500.0 bps from the price at the decision, 100"]
    assert told(chain, "signal") == ["what the strategies said at that bar was not kept"]
    assert told(chain, "fill") == told(chain, "trip") == []
