"""Sessions as a user sees them: written through the ledger's own face, read by the program in a process of its own."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exchange.server import ExchangeServer
from program import Done, trader

from trader_cli.engine import state as of
from trader_cli.engine.snapshot import pack
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify
from trader_cli.model.fills import Fills, RoundTrips
from trader_cli.model.instrument import Instrument
from trader_cli.model.orders import OrderState, Purpose, Ticket, TicketKind, VenueTrade, client_id_of
from trader_cli.model.risk import RiskEvent, WalletRecord
from trader_cli.model.session import CycleRecord, OrderEvent, Session, Step, StepRecord, VenueFill

ONE = 10**8
HOUR = 3_600_000
NOON = 1_767_268_800_000  # 2026-01-01T12:00:00Z
SYMBOLS = ("BTC/USD", "ETH/USD")
INSTRUMENTS = tuple(Instrument(one, tick=Decimal("0.01"), described=True) for one in SYMBOLS)
MARKS = (110 * ONE, 50 * ONE)


def session(run_id: str, mode: str, exchange: str) -> Session:
    cash = 1000 * ONE
    return Session(
        run_id=run_id, mode=mode, exchange=exchange, account="abc" if mode == "live" else "", strategy="momentum",
        params={}, preset="paper-500", config={}, timeframe="1h", quote="USD", instruments=INSTRUMENTS,
        wallets=(WalletRecord("main", ("momentum",), ONE, cash, cash, cash, 0, 0, ""),), cash_start=cash,
        started_ms=NOON - 2 * HOUR, code_digest="c" * 64, outside={},
    )  # fmt: skip


def fills(*rows: tuple[int, ...]) -> Fills:
    """Return fills of BTC/USD: (time_ms, side, quantity, price, notional, fee, reason)."""
    table = np.array([(time, 0, side, *numbers, 0, reason, 0) for time, side, *numbers, reason in rows], np.int64)
    return Fills(SYMBOLS, *table.reshape(-1, 10).T.copy())


def trips(*rows: tuple[int, ...]) -> RoundTrips:
    return RoundTrips(SYMBOLS, *np.array(rows, np.int64).reshape(-1, 12).T.copy())


def step(
    seq: int, bar_ms: int, cash: int, held: int, all_fills: Fills, trades: int = 0, notes: dict[str, Any] | None = None
) -> Step:
    book = of.new_book(len(SYMBOLS), (cash,))
    if held:
        row = book.position[0]
        row[[of.QUANTITY, of.ENTRY_PRICE, of.ENTRY_MS, of.TRIP_BOUGHT, of.TRIP_FEES, of.FLOOR, of.CEILING]] = (
            held, 10_020_000_000, NOON, 10_020_000_000, 20_000_000, 95 * ONE, 120 * ONE,
        )  # fmt: skip
    return Step(
        seq=seq, time_ms=NOON + seq * 1000, bar_ms=bar_ms, symbols=SYMBOLS, wallets=("main",), state=pack(book),
        notes=notes or {}, cash=cash, equity=cash + held * 110, holdings=(held, 0), marks=MARKS,
        fill_count=len(all_fills), trade_count=trades, digest=all_fills.digest(),
    )  # fmt: skip


def ticket(run_id: str, symbol: str, purpose: Purpose, kind: TicketKind, **changed: Any) -> Ticket:
    key = f"{run_id}|main|{symbol}|{NOON}|{purpose}|1"
    base = Ticket(
        key=key, client_id=client_id_of(key), run_id=run_id, wallet="main", symbol=symbol, side=1, kind=kind,
        purpose=purpose, reason=0, quantity=ONE, price=101 * ONE, trigger=0, price_decimals=8, arrival=100 * ONE,
        bar_ms=NOON, created_ms=NOON + 1000, deadline_ms=NOON + 6000,
    )  # fmt: skip
    return replace(base, **changed)


ENTRY = ticket("live-1", "BTC/USD", Purpose.ENTRY, TicketKind.LIMIT)
STOP = ticket("live-1", "BTC/USD", Purpose.STOP, TicketKind.STOP, side=-1, price=0, trigger=95 * ONE, reason=1,
              created_ms=NOON + 2000, deadline_ms=NOON + 7000)  # fmt: skip
LOST = ticket("live-1", "ETH/USD", Purpose.ENTRY, TicketKind.MARKET, price=0, arrival=50 * ONE, created_ms=NOON + 3000)


def write_live(ledger: Ledger) -> None:
    """One BTC bought at 100.2 with a fee of 0.2, its stop resting, an order for ETH of unknown fate, BTC too little."""
    mine = session("live-1", "live", "kraken")
    none, bar = fills(), NOON - HOUR
    ledger.open_session(mine, step(0, -1, 1000 * ONE, 0, none))
    said = {"decisions": {"main|BTC/USD": {"strategy": "momentum", "level": 1.0, "confidence": 0.8}}}
    limit = RiskEvent(NOON, NOON, 1, "refusal", "main", "momentum", "BTC/USD", "max_symbol", "900", "250", "USD",
                      "BTC/USD: the order is worth 900 USD, the limit on one symbol leaves 250 USD")  # fmt: skip
    decided = step(1, bar, 1000 * ONE, 0, none, notes=said)
    ledger.write_step("live-1", StepRecord(decided, INSTRUMENTS, none, trips(), (), (limit,)))
    assert ledger.add_ticket(ENTRY)
    ledger.note_orders([OrderEvent(ENTRY.client_id, NOON + 1120, OrderState.OPEN, "OABC-1", 0, "")])
    bought = fills((NOON + 1700, 1, ONE, 10_020_000_000, 10_020_000_000, 20_000_000, 0))
    trade = VenueTrade("T-1", "OABC-1", "BTC/USD", 1, Decimal(1), Decimal("100.2"), Decimal("100.2"), Decimal("0.2"),
                       "USD", NOON + 1700, False)  # fmt: skip
    notes = {
        "openers": {"main|BTC/USD": "momentum"},
        "protection": {"main|BTC/USD": {"stop": STOP.client_id}},
        "unexplained": {"BTC": "-0.001"},
    }
    ledger.write_step(
        "live-1",
        StepRecord(
            step(2, bar, 89_960_000_000, ONE, bought, notes=notes), INSTRUMENTS, bought, trips(), (),
            venue_fills=(VenueFill(ENTRY.client_id, trade),),
            outcomes=(OrderEvent(ENTRY.client_id, NOON + 2500, OrderState.FILLED, "OABC-1", ONE, "closed"),),
        ),
    )  # fmt: skip
    for one, state, venue_id, words in (
        (STOP, OrderState.OPEN, "OSTOP-1", ""),
        (LOST, OrderState.UNKNOWN, "", "kraken: no answer within 10 s"),
    ):
        assert ledger.add_ticket(one)
        ledger.note_orders([OrderEvent(one.client_id, one.created_ms + 150, state, venue_id, 0, words)])
    ledger.record_cycle(
        CycleRecord("live-1", NOON, NOON + 4200, "unresolved", 7, "an order's fate is open", {"calls": 6})
    )


def write_paper(ledger: Ledger) -> None:
    """One BTC bought at 100 and sold at 103 three bars later; fees 0.1 and 0.103."""
    mine = session("paper-1", "paper", "kraken")
    ledger.open_session(mine, step(0, -1, 1000 * ONE, 0, fills()))
    both = fills(
        (NOON, 1, ONE, 100 * ONE, 100 * ONE, ONE // 10, 0),
        (NOON + 3 * HOUR, -1, ONE, 103 * ONE, 103 * ONE, 10_300_000, 1),
    )
    trip = trips((0, NOON, NOON + 3 * HOUR, ONE, 100 * ONE, 103 * ONE, 20_300_000, 279_700_000, 1, 3, 1, 0))
    done = step(1, NOON + 3 * HOUR, 1000 * ONE + 279_700_000, 0, both, trades=1)
    ledger.write_step("paper-1", StepRecord(done, INSTRUMENTS, both, trip, ("momentum",), venue_fills=(None, None)))


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sessions")
    ledger = Ledger.open("sqlite:///trader.db", folder)
    write_live(ledger)
    write_paper(ledger)
    assert verify(ledger) == []
    ledger.close()
    return folder


def told(home: Path, *words: str) -> dict[str, Any]:
    done = trader("report", *words, "--json", home=home)
    assert done.code == 0, done.err
    name = words[0] if words and not words[0].startswith("-") else "list"
    assert done.json["schema"] == f"trader.report.{name}/1"
    # Only a ratio that is not defined, such as the average of no fills, is null.
    nulls = set(re.findall(r'"(\w+)": null', json.dumps(done.json["result"])))
    assert not {one for one in nulls if not re.search("average|_bps|_pct|_ms|profit_factor|slowest_s", one)}
    return done.json["result"]


def shown(home: Path, *words: str) -> str:
    done: Done = trader("report", *words, home=home)
    assert done.code == 0, done.err
    assert max(len(line) for line in done.out.splitlines()) <= 80, done.out
    assert "None" not in done.out
    return done.out


def test_what_nobody_knows_or_can_explain_stands_before_everything_else(home: Path) -> None:
    """F: `report` shows unknown intents and unexplained balances instead of hiding them."""
    text = shown(home)
    places = [text.index(word) for word in ("UNRESOLVED", "ETH/USD", "UNEXPLAINED", "live kraken", "BTC/USD  ")]
    assert places == sorted(places)
    result = told(home)
    assert [one["client_id"] for one in result["unresolved"]] == [LOST.client_id]
    assert result["unexplained"] == [{"run_id": "live-1", "exchange": "kraken", "asset": "BTC", "amount": "-0.001"}]
    assert [(one["mode"], one["state"]) for one in result["sessions"]] == [("paper", "open"), ("live", "open")]
    assert result["cycles"][0]["outcome"] == "unresolved"


@pytest.mark.deep
@pytest.mark.req("R4.10")
def test_seven_days_are_the_default_and_older_runs_are_said_to_exist(home: Path, tmp_path: Path) -> None:
    """A session that goes on is listed however old; one that another took the place of is not."""
    result = told(home)
    assert (result["days"], result["older"]) == (7, False)
    assert [(one["run_id"], one["mode"], one["open"]) for one in result["runs"]] == [
        ("paper-1", "paper", True),
        ("live-1", "live", True),
    ]
    ledger = Ledger.open("sqlite:///trader.db", tmp_path)
    for name in ("first", "second"):
        ledger.open_session(session(name, "paper", "kraken"), step(0, -1, 1000 * ONE, 0, fills()))
    ledger.close()
    week = told(tmp_path)
    assert (week["older"], [one["run_id"] for one in week["runs"]]) == (True, ["second"])
    assert "`--days 0`" in shown(tmp_path)
    everything = told(tmp_path, "--days", "0")
    assert (everything["older"], [one["open"] for one in everything["runs"]]) == (False, [True, False])
    assert "momentum (paper, ended)" in shown(tmp_path, "--days", "0")


@pytest.mark.req("R2.4")
def test_positions_have_their_live_result_and_say_what_protects_them(home: Path) -> None:
    """110 less 100.2 and 0.2 of fees."""
    (one,) = told(home, "positions")["positions"]
    assert (one["wallet"], one["symbol"], one["strategy"], one["quantity"]) == ("main", "BTC/USD", "momentum", "1")
    assert (one["entry_price"], one["price"], one["value"], one["pnl"]) == ("100.2", "110", "110", "9.6")
    assert (one["stop"], one["target"], one["exposed"]) == ("95", "120", False)
    assert one["guards"] == [
        {
            "role": "stop",
            "client_id": STOP.client_id,
            "venue_id": "OSTOP-1",
            "state": "open",
            "level": "95",
            "left": "1",
        }
    ]
    text = shown(home, "positions")
    assert text.index("UNRESOLVED") < text.index("+9.60")
    assert "stop at the venue: open at 95, 1" in text


@pytest.mark.req("R2.4")
def test_live_prices_are_the_venue_s_bids_and_where_it_is_silent_the_last_known_ones(
    home: Path, tmp_path: Path
) -> None:
    words = ("report", "positions", "--now", "--json", "--set", "venue.id=kraken", "--set", "venue.timeout_s=2")
    state = {"XDG_STATE_HOME": str(tmp_path)}
    with ExchangeServer(["kraken"]) as server:
        asked = trader(*words, "--set", f"venue.api_url={server.url}", home=home, **state)
    assert asked.code == 0, asked.err
    (one,) = asked.json["result"]["positions"]
    assert one["price_time"] > "2026-01-01T12:00:00Z"
    assert Decimal(one["pnl"]) == Decimal(one["price"]) - Decimal("100.4")
    silent = trader(*words, "--set", f"venue.api_url={server.url}", home=home, **state)
    assert silent.code == 0, silent.err
    assert silent.json["result"]["positions"][0]["price"] == "110"
    assert "BTC/USD is shown at its last known price" in silent.err
    nowhere = trader("report", "positions", "--now", home=home)
    assert nowhere.code == 2


def test_orders_are_listed_with_their_life_the_unresolved_first(home: Path) -> None:
    orders = told(home, "orders")["orders"]
    assert [(one["client_id"], one["state"]) for one in orders] == [
        (LOST.client_id, "unknown"), (STOP.client_id, "open"), (ENTRY.client_id, "filled"),
    ]  # fmt: skip
    assert [one["state"] for one in orders[2]["events"]] == ["sending", "open", "filled"]
    assert (orders[2]["average"], orders[2]["slippage_bps"], orders[2]["booked"]) == (100.2, 20.0, True)
    assert len(told(home, "orders", "--open")["orders"]) == 2
    assert [one["symbol"] for one in told(home, "orders", "--symbol", "ETH/USD")["orders"]] == ["ETH/USD"]
    assert "no answer within 10 s" in shown(home, "orders", "--limit", "1")


@pytest.mark.req("R2.9")
@pytest.mark.req("R1.10")
def test_execution_is_told_with_the_switches_and_what_strategies_brought(home: Path) -> None:
    result = told(home, "execution")
    total = result["total"]
    assert (total["orders"], total["unresolved"], total["working"], total["ended"]) == (3, 1, 1, 1)
    assert (total["notional"], total["shortfall"], total["slippage_bps"], total["fees"]) == (
        "100.2", "0.2", 20.0, {"USD": "0.2"},
    )  # fmt: skip
    assert (total["accepted_median_ms"], total["filled_median_ms"]) == (120.0, 700.0)
    assert result["switches"]["ioc"] is False
    assert "1 order filled" in result["switches"]["reasons"][0]
    on = told(home, "execution", "--set", "execution.success_orders=1")["switches"]
    assert (on["ioc"], on["minimum_buffer"]) == (True, "1")
    assert result["attribution"] == [
        {"strategy": "momentum", "quote": "USD", "trades": 1, "wins": 1, "pnl": "2.797", "fees": "0.203"}
    ]
    assert "average slippage 0.2 % over 1 order is above 0.1 %" in shown(
        home, "execution", "--set", "execution.success_orders=1"
    ).replace("\n ", "")


@pytest.mark.req("X6")
def test_why_an_order_was_made_is_told_from_the_bar_to_the_entries(home: Path) -> None:
    chain = told(home, "why", ENTRY.client_id[9:18])
    stages = list(dict.fromkeys(one["stage"] for one in chain["links"]))
    assert stages == ["bar", "signal", "limit", "rule", "ticket", "event", "trade", "fill", "entry", "trip"]
    text = shown(home, "why", "OABC")
    for words in (
        "closed 2026-01-01 12:00Z: BTC/USD closed at 110",
        "momentum wants to hold 1 of its share with confidence 0.8",
        "limit 250 USD",
        "limit buy of 1 at 101",
        "1 at 100.2, fee 0.2 USD, as taker",
        "-100.4 USD assets:cash:USD",
        "still under way",
    ):
        assert words in text
    assert trader("report", "why", "nothing", home=home).code == 2


@pytest.mark.deep
@pytest.mark.req("X6")
def test_why_a_simulated_fill_happened_goes_by_its_transaction_or_its_bar(home: Path) -> None:
    by_bar = told(home, "why", "BTC/USD@2026-01-01T15:00Z")
    assert by_bar["run_id"] == "paper-1"
    number = by_bar["subject"].split()[1].rstrip(",")
    assert told(home, "why", number) == by_bar
    text = shown(home, "why", number)
    assert "a level in the book was reached inside" in text
    assert "momentum: 2.797 USD in 3 bars, closed by stop" in text


def test_cycles_show_how_they_ended_and_the_heartbeat(home: Path) -> None:
    (one,) = told(home, "cycles")["cycles"]
    assert (one["outcome"], one["exit_code"], one["seconds"], one["calls"]) == ("unresolved", 7, 4.2, 6)
    assert shown(home, "cycles").startswith("heartbeat: the last cycle ended ")


@pytest.mark.deep
def test_one_session_is_shown_by_the_beginning_of_its_id(home: Path) -> None:
    done = trader("report", "--run", "live", "--json", home=home)
    assert (done.code, done.json["schema"]) == (0, "trader.report.session/1")
    assert [one["state"] for one in done.json["result"]["orders"]] == ["unknown", "open", "filled"]
    assert "last bar 2026-01-01 11:00Z" in shown(home, "--run", "live")
    assert "0.203" not in shown(home, "--run", "paper")
