"""Alerts as their owner meets them: told once, told when it is over, and never in the way of a run."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from account import trading
from figures import figures
from listener import Listener

from trader_cli.cli.main import run
from trader_cli.config.lease import take_lease
from trader_cli.ledger import Ledger
from trader_cli.reports.alerts import Delivery

PASSWORD = "s3cr3t-word"  # noqa: S105 a word to look for
FAILS = ("paper", "nobody", "--json")


def texts(hook: Listener) -> list[str]:
    return [json.loads(one.body)["message"] for one in hook.got]


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with Listener() as server:
        monkeypatch.setenv("TRADER_ALERT_URLS", f"json://me:{PASSWORD}@{server.at}/x")
        yield server


@pytest.mark.req("R2.8")
def test_one_message_shows_that_alerts_come(home: Path, hook: Listener, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alerts", "test"]) == 0
    assert texts(hook) == ["this is a test: alerts of this home come here"]
    assert capsys.readouterr().out == "sent to 1 of 1 addresses\n"


@pytest.mark.req("R2.8")
def test_cron_tells_trouble_once_and_once_that_it_is_over(
    home: Path, hook: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["alerts", "check"]) == 0
    assert run(["risk", "halt", "--reason", "I go on holiday"]) == 0
    for _ in range(3):
        assert run(["alerts", "check"]) == 0
    (text,) = texts(hook)
    assert text.startswith("halt: everything is halted since 20")
    assert text.endswith(": I go on holiday")
    assert run(["risk", "resume", "--reason", "back"]) == 0
    for _ in range(2):
        assert run(["alerts", "check"]) == 0
    assert len(texts(hook)) == 2
    assert texts(hook)[1] == f"over: {text}"


@pytest.mark.req("R2.8")
def test_a_cycle_that_fails_tells_it_once_with_its_error_and_ends_as_it_would(
    home: Path, hook: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(3):
        assert run(list(FAILS)) == 3
    assert texts(hook) == ["cycle_failed: paper ended with exit code 3: no strategy is called `nobody`"]
    # Cron knows nothing of the run's end and does not say that it is over.
    assert run(["alerts", "check"]) == 0
    assert len(hook.got) == 1


@pytest.mark.req("R2.8")
@pytest.mark.parametrize("status", [500, 0])
def test_a_hook_that_refuses_or_hangs_is_a_warning_and_is_told_by_the_next_run(
    home: Path, hook: Listener, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["risk", "halt", "--reason", "r"]) == 0
    hook.status = status
    words = (*FAILS, "--set", "alerts.limit_s=1")
    assert run(list(words)) == 3
    said = capsys.readouterr()
    assert said.err.count("warning: ") == 1
    assert "an alert was not sent" in said.err
    assert PASSWORD not in said.out + said.err
    ledger = Ledger.open("sqlite:///trader.db", home, create=False)
    try:
        with ledger._reading() as connection:
            rows = connection.exec_driver_sql("SELECT message FROM system_events WHERE kind = 'alert'").scalars().all()
    finally:
        ledger.close()
    (row,) = rows
    assert row.startswith("could not be told; ")
    assert PASSWORD not in row
    hook.status = 200
    assert run(list(words)) == 3
    (text,) = texts(hook)
    assert len(text.splitlines()) == 2


@pytest.mark.req("R2.8")
@pytest.mark.parametrize("status", [500, 0])
def test_an_address_that_takes_nothing_is_told_by_the_next_run_what_the_others_were_told_by_this_one(
    home: Path, hook: Listener, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Listener() as other:
        monkeypatch.setenv("TRADER_ALERT_URLS", f"json://me:{PASSWORD}@{hook.at}/x json://{other.at}/x")
        hook.status = status
        words = (*FAILS, "--set", "alerts.limit_s=1")
        assert run(list(words)) == 3
        (failed,) = texts(other)
        assert failed.startswith("cycle_failed: ")
        assert PASSWORD not in (home / "alerts.json").read_text()
        assert run(["risk", "halt", "--reason", "r"]) == 0
        hook.status = 200
        assert run(["alerts", "check", "--json"]) == 0
        halted = texts(other)[1]
        assert texts(hook) == [f"{failed}\n{halted}"], "what waited comes first"
        assert json.loads(capsys.readouterr().out.splitlines()[-1])["result"]["again"] == 1
        assert run(["alerts", "check"]) == 0
        assert (len(texts(hook)), len(texts(other))) == (1, 2), "nobody is told twice"


@pytest.mark.req("R2.8")
def test_receivers_and_a_gateway_that_hang_hold_a_run_no_longer_than_stated(
    home: Path, hook: Listener, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRADER_ALERT_URLS", " ".join(f"json://{hook.at}/{n}" for n in range(5)))
    hook.status = 0
    words = (*FAILS, "--set", f"metrics.push_url=http://{hook.at}/", "--set", "cycle.after_s=2")
    began = time.monotonic()
    assert run(list(words)) == 3
    # Five of them and the gateway: one after the other they would take a minute; what is over two seconds is the run itself.
    assert time.monotonic() - began < 2 + 20
    said = capsys.readouterr().err
    assert said.count("did not answer within 1.0 s") == 5
    assert "warning: the figures were not pushed: no answer within 1.0 s" in said


@pytest.mark.req("R2.8")
def test_cron_shows_by_its_exit_code_that_nobody_could_be_told(home: Path, hook: Listener) -> None:
    hook.status = 500
    assert run(["alerts", "test"]) == 5
    assert run(["alerts", "check"]) == 0
    assert run(["risk", "halt", "--reason", "r"]) == 0
    assert run(["alerts", "check"]) == 5


@pytest.mark.req("R2.8")
def test_a_ledger_that_cannot_be_read_is_told_and_that_it_can_be_again(home: Path, hook: Listener) -> None:
    (home / "trader.db").write_bytes(b"no database at all")
    for _ in range(2):
        assert run(["alerts", "check"]) == 0
    (text,) = texts(hook)
    assert text.startswith("ledger: the ledger cannot be read: ")
    assert run(list(FAILS)) == 3
    assert len(texts(hook)) == 2
    (home / "trader.db").unlink()
    assert run(["alerts", "check"]) == 0
    assert texts(hook)[2] == f"over: {text}"


def test_without_addresses_a_run_is_silent_and_the_commands_say_what_is_missing(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRADER_ALERT_URLS", raising=False)
    assert run(list(FAILS)) == 3
    assert "warning" not in capsys.readouterr().err
    assert not (home / "alerts.json").exists()
    for words in (["alerts", "test"], ["alerts", "check"]):
        assert run(words) == 2
        assert "`TRADER_ALERT_URLS` is neither in the environment" in capsys.readouterr().err


def test_another_variable_may_hold_the_addresses_and_none_is_taken_for_a_setting(
    home: Path, hook: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRADER_OTHER_URLS", os.environ["TRADER_ALERT_URLS"])
    monkeypatch.delenv("TRADER_ALERT_URLS")
    assert run(["alerts", "test", "--set", "alerts.urls_env=TRADER_OTHER_URLS"]) == 0
    assert len(hook.got) == 1


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe"])
def test_a_memory_that_is_damaged_begins_anew_and_says_so(
    home: Path, hook: Listener, damage: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "alerts.json").write_bytes(damage)
    assert run(["risk", "halt", "--reason", "r"]) == 0
    assert run(["alerts", "check"]) == 0
    assert "alerts.json cannot be read and begins anew" in capsys.readouterr().err
    assert len(hook.got) == 1
    assert run(["alerts", "check"]) == 0
    assert len(hook.got) == 1


def test_a_dry_run_and_a_replay_tell_nobody(home: Path, hook: Listener) -> None:
    assert run(["paper", "nobody", "--replay"]) == 3
    assert run(["live", "--dry-run"]) == 3
    assert hook.got == []


@pytest.mark.deep
@pytest.mark.req("R2.8")
def test_a_loop_is_measured_and_told_after_each_cycle(home: Path, hook: Listener) -> None:
    (home / "trader.toml").write_text('[metrics]\nfile = "trader.prom"\n')
    before: list[float] = []

    def kept() -> None:
        if (home / "trader.prom").exists():
            before.append(figures(home / "trader.prom")["trader_run_end_timestamp_seconds"][0][1])

    watch = threading.Event()
    looker = threading.Thread(target=lambda: [kept() for _ in range(100) if not watch.wait(0.1)], daemon=True)
    looker.start()
    assert run(["paper", "nobody", "--every", "2s", "--for", "5s", "-q"]) == 3
    watch.set()
    looker.join(30)
    assert len(set(before)) >= 2
    assert len(hook.got) == 1


@pytest.mark.deep
@pytest.mark.req("R2.8")
@pytest.mark.req("X9")
def test_live_trading_is_measured_and_an_order_whose_answer_was_lost_is_told_until_it_is_known(
    home: Path, hook: Listener, tmp_path: Path
) -> None:
    url = os.environ["TRADER_ALERT_URLS"]
    with trading(home) as account:
        account.arm()
        account.server.fault(path="AddOrder", kind="drop", acts=True)
        account.server.fault(path="OpenOrders", kind="status", status=502, nth=2, times=0)
        path = tmp_path / "trader.prom"
        words = ("live", "--once", "--metrics", str(path))
        assert account.trader(*words, TRADER_ALERT_URLS=url).code == 7
        (text,) = texts(hook)
        assert text.startswith("unresolved_order: the fate of an order is not known: buy ")
        assert 'trader_unresolved_orders{account="' in path.read_text()
        found = figures(path)
        assert found["trader_unresolved_orders"][0][1] == 1
        assert found["trader_armed"][0][1] == 1
        assert found["trader_cycle_last_exit_code"][0][1] == 7
        assert "trader_cycle_last_success_timestamp_seconds" not in found
        account.server.do("clear")
        assert account.trader(*words, TRADER_ALERT_URLS=url).code == 0
        assert texts(hook)[1] == f"over: {text}"
        assert len(texts(hook)) == 2
        found = figures(path)
        assert found["trader_unresolved_orders"][0][1] == 0
        assert found["trader_position_quantity"][0][1] > 0
        assert found["trader_position_unprotected"][0][1] == 0
        assert found["trader_orders_total"] == [({**found["trader_armed"][0][0], "state": "filled"}, 1.0)]
        assert found["trader_cycle_last_success_timestamp_seconds"][0][1] > 1e9
        account.server.do("key", revoked=True)
        assert account.trader(*words, TRADER_ALERT_URLS=url).code == 6
        assert "breaker: everything is halted" in texts(hook)[2]
        for one in hook.got:
            assert PASSWORD not in one.body


@pytest.mark.req("R2.8")
def test_the_lease_is_given_back_before_anybody_is_told(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    free: list[bool] = []

    def told(*_: object) -> Delivery:
        take_lease(home / "locks", "paper").release()
        free.append(True)
        return Delivery(("address 1 (json)",), ())

    monkeypatch.setenv("TRADER_ALERT_URLS", "json://nobody")
    monkeypatch.setattr("trader_cli.reports.alerts.tell", told)
    assert run(list(FAILS)) == 3
    assert free == [True]
