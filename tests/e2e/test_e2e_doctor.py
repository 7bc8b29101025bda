"""The doctor at a home that trades: every trouble has its word, its exit code and its cure, and what is safe is mended."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from account import Account, trading
from program import trader

from trader_cli.config.layers import load_settings
from trader_cli.jobs.adjusting import adjusted
from trader_cli.ledger import Ledger
from trader_cli.model.orders import client_id_of
from trader_cli.model.session import Adjustment


@pytest.fixture
def account(home: Path) -> Iterator[Account]:
    with trading(home) as found:
        yield found


# Some minutes of real processes, one after the other.
pytestmark = pytest.mark.deep
SETTINGS = load_settings("plain", Path("/nowhere"), {}, {}).settings.model_dump()


def events(home: Path) -> list[str]:
    ledger = Ledger.open("sqlite:///trader.db", home, create=False)
    with ledger.engine.connect() as connection:
        found = connection.exec_driver_sql("SELECT message FROM system_events WHERE kind = 'repair' ORDER BY id")
        texts = [str(row[0]) for row in found]
    ledger.close()
    return texts


def repaired(account: Account) -> list[dict[str, Any]]:
    repairs: list[dict[str, Any]] = account.trader("doctor", "--repair", "--json").json["result"]["repairs"]
    return repairs


@pytest.mark.req("R0.7")
def test_a_home_without_a_venue_is_well_and_a_broken_one_is_named(home: Path, tmp_path: Path) -> None:
    well = trader("doctor", home=home)
    assert well.code == 0
    assert "no venue configured" in well.out
    assert list(home.iterdir()) == []
    (home / "trader.toml").write_text("[risk]\nmax_position = 2\n")
    broken = trader("doctor", "--json", home=home)
    assert broken.code == 2
    assert [one["area"] for one in broken.json["result"]["checks"]] == ["configuration"]
    assert "did you mean `risk.max_positions`?" in broken.json["error"]["message"]


@pytest.mark.req("R0.7")
def test_damaged_bars_and_a_damaged_ledger_are_data_failures(home: Path) -> None:
    rows = ["timestamp,open,high,low,close,volume"]
    rows += [f"{1514764800 + i * 3600},10,11,9,10,1" for i in range(30)]
    file = home / "bars.csv"
    file.write_text("\n".join(rows))
    stored = trader("data", "import", str(file), "--exchange", "here", "--symbol", "W1/USD", home=home)
    assert stored.code == 0, stored.err
    words = ("doctor", "--set", "data.symbols=W1/USD", "--json")
    assert trader(*words, home=home).code == 0
    (parquet,) = (home / "data" / "here").glob("W1-USD-1h.parquet")
    parquet.write_bytes(b"PAR1 not any more")
    assert trader(*words, home=home).code == 4
    assert trader("doctor", "--set", "data.symbols=W2/USD", home=home).code == 4
    (home / "trader.db").write_bytes(b"no database")
    damaged = trader("doctor", "--json", home=home)
    assert damaged.code == 4


@pytest.mark.req("R0.7")
def test_at_a_venue_everything_is_looked_at_and_a_quiet_account_is_well(account: Account) -> None:
    code, before = account.checks()
    assert code == 0
    assert (before["venue"], before["credentials"], before["armed"]) == ("ok", "ok", "ok")
    account.arm()
    assert account.trader("live", "--once").code == 0
    (account.home / "trader.db").chmod(0o600)
    code, found = account.checks()
    assert (code, {area for area, word in found.items() if word != "ok"}) == (0, set())
    assert {"clock skew", "rate budget", "protection", "orphaned stops", "balances", "live cycles"} <= set(found)
    account.server.do("deposit", asset="BTC", amount="0.5")
    code, found = account.checks()
    assert (code, found["balances"]) == (6, "fail")
    account.server.do("key", revoked=True)
    code, found = account.checks()
    assert (found["credentials"], found["venue"]) == ("fail", "ok")
    assert code == 5


@pytest.mark.req("R0.7")
def test_a_venue_that_is_not_there_fails_and_the_home_is_looked_at_all_the_same_a10(account: Account) -> None:
    code, found = account.checks("--set", "venue.api_url=http://127.0.0.1:9")
    assert (code, found["venue"]) == (5, "fail")
    assert (found["ledger"], found["leases"]) == ("ok", "ok")


def flat_in_the_book(account: Account) -> None:
    """The book loses what it holds, as if it had been sold by hand; its stop stays at the venue."""
    ledger = Ledger.open("sqlite:///trader.db", account.home, create=False)
    (session,) = ledger.sessions()
    step = ledger.last_step(session.run_id)
    gone = Adjustment("BTC", f"-{step.holdings[0] / 1e8:.8f}", "adopt", "main", "sold by hand")
    ledger.write_step(session.run_id, adjusted(session, step, session.instruments, SETTINGS, [gone], step.time_ms + 1))
    ledger.close()


@pytest.mark.req("R0.8")
def test_a_stop_without_its_position_is_cancelled_and_no_other_order_is_c15(account: Account) -> None:
    account.arm()
    assert account.trader("live", "--once").code == 0
    foreign = account.server.do("order", symbol="BTC/USD", side="sell", quantity="0.2", kind="limit", price="90000")
    flat_in_the_book(account)
    code, found = account.checks()
    assert (code, found["orphaned stops"]) == (6, "fail")
    (repair,) = [one for one in repaired(account) if one["area"] == "orphaned stops"]
    assert repair["done"] is True
    assert repair["message"].startswith("cancelled order ")
    assert account.checks()[1]["orphaned stops"] == "ok"
    working = [one["id"] for one in account.server.do("state")["orders"] if one["status"] == "open"]
    assert working == [foreign]
    assert any(text.startswith("orphaned stops: cancelled order") for text in events(account.home))


@pytest.mark.req("R0.8")
def test_an_order_whose_answer_was_lost_is_unresolved_until_the_doctor_asks_a6(account: Account) -> None:
    account.arm()
    account.server.fault(path="AddOrder", kind="drop", acts=True)
    # Nor can it be looked up in the same cycle.
    account.server.fault(path="OpenOrders", kind="status", status=502, nth=2, times=0)
    assert account.trader("live", "--once").code == 7
    account.server.do("clear")
    code, found = account.checks()
    assert (code, found["unresolved orders"]) == (7, "fail")
    (repair,) = [one for one in repaired(account) if one["area"] == "unresolved orders"]
    assert repair["done"] is True
    assert "the venue was asked by its client id" in repair["message"]
    assert account.checks()[1]["unresolved orders"] == "ok"
    assert account.trader("live", "--once").code == 0
    assert all(len(ids) == 1 for ids in account.server.accepted().values())
    assert trader("ledger", "verify", home=account.home).code == 0


def test_an_order_with_our_mark_that_the_ledger_does_not_know_is_said_and_left_alone_e8(account: Account) -> None:
    placed = account.server.do(
        "order",
        symbol="BTC/USD",
        side="sell",
        quantity="0.2",
        kind="limit",
        price="90000",
        client_id=client_id_of("old"),
    )
    code, found = account.checks("--repair")
    assert (code, found["lost orders"]) == (7, "fail")
    assert [one["id"] for one in account.server.do("state")["orders"] if one["status"] == "open"] == [placed]


@pytest.mark.req("R0.8")
def test_damaged_copies_and_the_mark_of_a_dead_run_are_cleared(account: Account) -> None:
    account.checks()
    (rules,) = (account.home / "state").rglob("kraken.json")
    rules.write_text("{ not JSON")
    (account.home / "locks").mkdir()
    (account.home / "locks" / "live.lock").write_text("999999\n")
    done = {one["area"]: one["done"] for one in repaired(account)}
    assert done == {"leases": True, "cached files": True, "data": True}
    assert rules.with_name("kraken.json.damaged").read_text() == "{ not JSON"
    assert json.loads(rules.read_text())
    assert (account.home / "locks" / "live.lock").read_text() == ""
    assert len(events(account.home)) == 3
    assert repaired(account) == []


@pytest.mark.req("R0.8")
def test_bars_that_are_missing_are_asked_for_again(account: Account) -> None:
    account.arm()
    assert account.trader("live", "--once").code == 0
    past = (time.time() + 10 * 3600) * 1000
    account.server.do("clock", set_ms=int(past), frozen=False)
    (file,) = (account.home / "data").rglob("BTC-USD-1h.*")
    import pandas as pd

    bars = pd.read_parquet(file)
    bars.iloc[:-20].to_parquet(file)
    account.server.do("clock", real=True)
    assert account.checks()[1]["data"] == "warn"
    (repair,) = [one for one in repaired(account) if one["area"] == "data"]
    assert repair["done"] is True
    assert account.checks()[1]["data"] == "ok"
