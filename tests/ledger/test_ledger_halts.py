"""Halts survive everything: what is halted is derived from appended rows, like every balance."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from books import event, record
from hypothesis import given, settings
from hypothesis import strategies as st

from trader_cli.errors import UsageError
from trader_cli.ledger import HaltState, Ledger
from trader_cli.ledger.verify import verify

URL = "sqlite:///trader.db"
SCOPES = st.sampled_from(["all", "grid", "momentum", "mean_reversion"])
STEPS = st.lists(
    st.tuples(st.sampled_from(["halt", "resume", "restart"]), SCOPES, st.booleans(), st.sampled_from(["", "drawdown"])),
    max_size=25,
)


@pytest.mark.req("R0.9")
@pytest.mark.req("R2.3")
@settings(max_examples=20)
@given(steps=STEPS)
def test_any_sequence_of_halts_and_resumptions_is_a_plain_dictionary(tmp_path_factory, steps) -> None:
    folder = tmp_path_factory.mktemp("halts")
    ledger = Ledger.open(URL, folder)
    model: dict[str, HaltState] = {}
    written = 0
    for now, (action, scope, close, rule) in enumerate(steps):
        if action == "restart":
            ledger.close()
            ledger = Ledger.open(URL, folder)
        elif action == "halt":
            wanted = HaltState(scope, now, close, f"why {now}", rule, *(("21.5", "20", "%") if rule else ("", "", "")))
            numbers = {"rule": wanted.rule, "number": wanted.number, "limit": wanted.limit, "unit": wanted.unit}
            before = ledger.halt(now, scope, wanted.reason, close_positions=close, **numbers)
            assert before == model.get(scope)
            written += before is None or (close and not before.close_positions)
            # What tripped first stays the reason; only that positions are to be closed is added.
            model[scope] = (
                wanted if before is None else replace(before, close_positions=close or before.close_positions)
            )
        else:
            before = ledger.resume(now, scope, f"seen {now}")
            assert before == model.pop(scope, None)
            written += before is not None
        assert ledger.halted() == model
    assert list(ledger.halted().values()) == sorted(model.values(), key=lambda one: one.since_ms)
    events = ledger.risk_events(100)
    assert len(events) == written
    assert {one.kind for one in events} <= {"halt", "resume"}
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R0.9")
def test_a_breaker_that_tripped_is_kept_with_its_numbers_and_resumption_gives_them_back(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    tripped = {"rule": "daily_loss", "number": "3.2", "limit": "3", "unit": "%"}
    assert ledger.halt(1000, "grid", "the day's loss is over its limit", **tripped) is None
    assert ledger.halt(2000, "grid", "by hand", close_positions=True) is not None
    state = ledger.halted()["grid"]
    assert state == HaltState("grid", 1000, True, "the day's loss is over its limit", "daily_loss", "3.2", "3", "%")
    assert ledger.resume(3000, "grid", "looked at it") == state
    newest, *_, first = ledger.risk_events(10)
    assert (newest.kind, newest.wallet, newest.message) == ("resume", "grid", "looked at it")
    for one in (newest, first):
        assert (one.rule, one.number, one.limit, one.unit) == ("daily_loss", "3.2", "3", "%")
    ledger.close()


@pytest.mark.req("R0.9")
@pytest.mark.req("R2.5")
def test_a_wallet_halted_by_itself_stays_halted_when_the_account_resumes(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    ledger.halt(1, "grid", "its own")
    ledger.halt(2, "all", "everything")
    ledger.resume(3, "all", "over")
    assert list(ledger.halted()) == ["grid"]
    ledger.close()


@pytest.mark.req("R0.9")
@pytest.mark.parametrize("scope", ["", "All", "Grid", "a:b", "a b", "-a", "*"])
def test_what_no_wallet_can_be_called_is_not_halted(tmp_path: Path, scope: str) -> None:
    ledger = Ledger.open(URL, tmp_path)
    with pytest.raises(UsageError, match="cannot be a wallet's name"):
        ledger.halt(0, scope, "why")
    with pytest.raises(UsageError, match="cannot be a wallet's name"):
        ledger.resume(0, scope, "why")
    assert ledger.halted() == {}
    assert ledger.risk_events(1) == []
    ledger.close()


@pytest.mark.req("R2.3")
@pytest.mark.req("R4.1")
def test_risk_events_of_runs_and_of_none_are_one_list_newest_first_without_those_of_backtests(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    run = replace(record(1, 10, events=3), mode="paper")
    ledger.record_run(run)
    ledger.record_risk_event(event(50))
    ledger.record_run(record(2, 10, events=3))
    assert ledger.risk_events(2) == [event(50), run.risk_events[2]]
    assert len(ledger.rows("risk_events", run.run_id)) == 3
    with pytest.raises(UsageError, match="no rows of `halts` are read by run"):
        ledger.rows("halts", run.run_id)
    assert ledger.rows("risk_events", "no such run") == []
    ledger.close()


@pytest.mark.req("R0.9")
def test_what_can_be_halted_is_all_and_every_wallet_the_ledger_has_seen(tmp_path: Path) -> None:
    ledger = Ledger.open(URL, tmp_path)
    assert ledger.scopes() == ["all"]
    ledger.record_run(record(1, 5, wallets=3))
    ledger.halt(1, "other", "why")
    assert ledger.scopes() == ["all", "grid", "mean_reversion", "momentum", "other"]
    ledger.close()


@pytest.mark.req("R0.9")
def test_of_two_processes_that_halt_at_once_one_is_first_and_nothing_is_lost(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom pathlib import Path\nfrom trader_cli.ledger import Ledger\n"
        "ledger = Ledger.open('sqlite:///trader.db', Path(sys.argv[1]))\nfirst = 0\n"
        "for i in range(20):\n"
        "    first += ledger.halt(i, f'w{i}', sys.argv[2]) is None\nprint(first)\n"
    )
    Ledger.open(URL, tmp_path).close()
    calls = [
        subprocess.Popen([sys.executable, "-c", program, str(tmp_path), name], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    # Each of the 20 wallets was found running by exactly one of the two.
    assert sum(int(call.communicate(timeout=120)[0]) for call in calls) == 20
    ledger = Ledger.open(URL, tmp_path)
    assert len(ledger.halted()) == len(ledger.risk_events(100)) == 20
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R0.9")
@pytest.mark.req("R2.3")
def test_a_kill_between_halting_and_resuming_leaves_the_last_word_that_was_given(tmp_path: Path) -> None:
    """The program says `n` after its n-th word was taken: at most one word more may hold when it dies."""
    program = (
        "import sys\nfrom pathlib import Path\nfrom trader_cli.ledger import Ledger\n"
        "ledger = Ledger.open('sqlite:///trader.db', Path(sys.argv[1]))\n"
        "for i in range(10**6):\n"
        "    ledger.halt(i, 'grid', 'why') if i % 2 == 0 else ledger.resume(i, 'grid', 'over')\n"
        "    print(i, flush=True)\n"
    )
    for i, milliseconds in enumerate((5, 30, 70, 110)):
        folder = tmp_path / str(i)
        folder.mkdir()
        call = subprocess.Popen([sys.executable, "-c", program, str(folder)], stdout=subprocess.PIPE, text=True)
        assert call.stdout is not None
        call.stdout.readline()
        time.sleep(milliseconds / 1000)
        call.send_signal(signal.SIGKILL)
        said = int((call.stdout.read().split() or ["0"])[-1])
        call.wait()
        call.stdout.close()
        ledger = Ledger.open(URL, folder, create=False)
        words = len(ledger.risk_events(10**6))
        assert words in (said + 1, said + 2)
        assert ("grid" in ledger.halted()) == (words % 2 == 1)
        assert verify(ledger) == []
        ledger.close()
