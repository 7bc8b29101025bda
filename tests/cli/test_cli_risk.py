"""`trader risk`: whoever halts is believed at once, and whoever resumes is told what had tripped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from trader_cli.cli.main import run
from trader_cli.ledger import Ledger
from trader_cli.ledger.verify import verify
from trader_cli.model.risk import RiskEvent

URL = "sqlite:///trader.db"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run a command; return (code, stdout, stderr)."""

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words))
        return (code, *capsys.readouterr())

    return call


@pytest.fixture
def told(said: Any) -> Any:
    """Run a command with --json; return its result."""

    def call(*words: str) -> dict[str, Any]:
        code, out, err = said(*words, "--json")
        assert (code, err) == (0, "")
        envelope = json.loads(out)
        assert envelope["ok"] is True
        assert envelope["schema"] == f"trader.risk.{words[1]}/1"
        return envelope["result"]

    return call


def tripped(home: Path, scope: str, **numbers: str) -> None:
    """A breaker trips as a cycle would have it."""
    ledger = Ledger.open(URL, home)
    ledger.halt(1_600_000_000_000, scope, "the day's loss is over its limit", **numbers)
    ledger.close()


DAILY = {"rule": "daily_loss", "number": "3.2", "limit": "3", "unit": "%"}


@pytest.mark.req("R0.9")
def test_without_a_ledger_nothing_is_halted_and_asking_makes_none(home: Path, said: Any, told: Any) -> None:
    assert told("risk", "status") == {
        "halted": False,
        "scopes": [
            {"scope": "all", "state": "running", "since": None, "close_positions": False,
             "reason": "", "rule": "", "number": "", "limit": "", "unit": ""},
        ],
        "events": [],
    }  # fmt: skip
    assert told("risk", "resume", "--reason", "awake")["resumed"] is False
    code, out, _ = said("risk", "resume", "--reason", "awake")
    assert code == 0
    assert out == "nothing to resume: the whole account is not halted\n"
    assert list(home.iterdir()) == []


@pytest.mark.req("R0.9")
def test_halting_makes_the_ledger_it_needs_and_the_next_call_knows(home: Path, said: Any, told: Any) -> None:
    first = told("risk", "halt", "--reason", "  odd\tprices ", "--close-positions")
    assert first["already_halted"] is False
    assert (first["scope"], first["state"], first["reason"]) == ("all", "halted", "odd prices")
    assert first["close_positions"] is True
    status = told("risk", "status")
    assert status["halted"] is True
    assert status["scopes"] == [{key: first[key] for key in status["scopes"][0]}]
    (event,) = status["events"]
    assert (event["kind"], event["wallet"], event["message"]) == ("halt", "", "odd prices")
    assert event["time"] == event["last"] == first["since"]
    ledger = Ledger.open(URL, home, create=False)
    assert verify(ledger) == []
    ledger.close()


@pytest.mark.req("R0.9")
def test_halting_twice_is_no_error_says_so_and_keeps_the_first_reason(home: Path, said: Any, told: Any) -> None:
    since = told("risk", "halt", "--reason", "first")["since"]
    code, out, err = said("risk", "halt", "--reason", "second")
    assert (code, err) == (0, "")
    assert out == f"the whole account was halted already, since {since}: first\n"
    again = told("risk", "halt", "--reason", "third", "--close-positions")
    assert (again["already_halted"], again["reason"], again["since"]) == (True, "first", since)
    assert again["close_positions"] is True
    (scope,) = told("risk", "status")["scopes"]
    assert (scope["reason"], scope["close_positions"]) == ("first", True)


@pytest.mark.req("R2.3")
@pytest.mark.req("R0.9")
def test_resuming_shows_what_had_tripped_with_its_numbers(home: Path, said: Any, told: Any) -> None:
    tripped(home, "grid", **DAILY)
    code, out, _ = said("risk", "resume", "--wallet", "grid", "--reason", "seen")
    assert code == 0
    # 1,600,000,000 s is 2020-09-13 12:26:40 UTC.
    assert out == (
        "resumed: wallet `grid` may enter again; it was halted since 2020-09-13T12:26:40Z by daily_loss "
        "(3.2 %, limit 3 %): the day's loss is over its limit\n"
    )
    tripped(home, "grid", **DAILY)
    result = told("risk", "resume", "--wallet", "grid", "--reason", "seen again")
    assert result["resumed"] is True
    assert {key: result["was"][key] for key in DAILY} == DAILY
    assert result["was"]["since"] == "2020-09-13T12:26:40Z"
    assert result["reason"] == "seen again"
    assert told("risk", "status")["halted"] is False


@pytest.mark.req("R2.5")
def test_resuming_the_account_leaves_a_halted_wallet_and_names_it(home: Path, said: Any, told: Any) -> None:
    tripped(home, "grid", **DAILY)
    told("risk", "halt", "--reason", "everything")
    states = {one["scope"]: one["state"] for one in told("risk", "status")["scopes"]}
    assert states == {"all": "halted", "grid": "halted"}
    code, out, _ = said("risk", "resume", "--reason", "over")
    assert code == 0
    assert "still halted: wallet `grid`; `trader risk resume --wallet grid --reason …`" in out
    result = told("risk", "resume", "--reason", "over")
    assert result["resumed"] is False
    assert [one["scope"] for one in result["still_halted"]] == ["grid"]


@pytest.mark.req("R2.5")
def test_a_wallet_enters_nothing_while_the_whole_account_is_halted(home: Path, told: Any) -> None:
    told("risk", "halt", "--wallet", "grid", "--reason", "its own")
    told("risk", "resume", "--wallet", "grid", "--reason", "over")
    assert [one["state"] for one in told("risk", "status")["scopes"]] == ["running", "running"]
    told("risk", "halt", "--reason", "everything")
    assert [one["state"] for one in told("risk", "status")["scopes"]] == ["halted", "halted_by_all"]


@pytest.mark.req("R0.9")
@pytest.mark.parametrize("command", ["halt", "resume"])
@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "missing option `--reason`"),
        (("--reason",), "requires an argument"),
        (("--reason", "  "), "`--reason` says nothing"),
        (("--reason", "a\x1b[31mb"), "`--reason` is not readable text"),
        (("--reason", "a\udcffb"), "`--reason` is not readable text"),
        (("--reason", "x", "--wallet", "all"), "`--wallet all` is no wallet"),
        (("--reason", "x", "--wallet", "Grid"), "`Grid` cannot be a wallet's name"),
        (("--reason", "x", "--wallet", ""), "`` cannot be a wallet's name"),
    ],
)
def test_what_cannot_be_meant_is_code_2_with_a_hint_and_writes_nothing(
    home: Path, said: Any, command: str, words: tuple[str, ...], says: str
) -> None:
    code, out, err = said("risk", command, *words)
    assert (code, out) == (2, "")
    assert says in err
    assert "hint: " in err
    assert list(home.iterdir()) == []


@pytest.mark.req("R0.9")
def test_a_name_nobody_knows_is_halted_all_the_same_and_said_to_be_unknown(home: Path, said: Any, told: Any) -> None:
    told("risk", "halt", "--wallet", "momentum", "--reason", "x")
    code, out, _ = said("risk", "halt", "--wallet", "momentun", "--reason", "x")
    assert code == 0
    assert "note: neither the configuration nor any run has a wallet `momentun`; did you mean `momentum`?" in out
    result = told("risk", "halt", "--wallet", "zzz", "--reason", "x")
    assert result["notes"] == [
        "neither the configuration nor any run has a wallet `zzz`; known are `momentum`, `momentun`"
    ]
    assert told("risk", "halt", "--wallet", "momentum", "--reason", "x")["notes"] == []


@pytest.mark.req("R2.3")
def test_status_lists_the_newest_events_first_and_no_more_than_asked_for(home: Path, said: Any, told: Any) -> None:
    ledger = Ledger.open(URL, home)
    for i in range(25):
        ledger.record_risk_event(
            RiskEvent(
                i * 60_000, i * 60_000, 1, "refusal", "grid", "grid", "BTC/USD", "max_gross", f"{i}", "10", "%", "m"
            )
        )
    ledger.close()
    events = told("risk", "status")["events"]
    assert [one["number"] for one in events] == [str(i) for i in range(24, 4, -1)]
    assert [one["number"] for one in told("risk", "status", "--limit", "2")["events"]] == ["24", "23"]
    assert events[0]["time"] == "1970-01-01T00:24:00Z"
    assert set(events[0]) == {
        "time", "last", "count", "kind", "wallet", "strategy", "symbol", "rule", "number", "limit", "unit", "message",
    }  # fmt: skip
    code, _, err = said("risk", "status", "--limit", "0")
    assert code == 2
    assert "hint: " in err


@pytest.mark.req("R0.9")
def test_status_fits_80_columns_and_markup_is_shown_as_it_is(
    home: Path, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said("risk", "halt", "--reason", "[bold]odd[/bold] " + "and long " * 30)
    said("risk", "halt", "--wallet", "mean_reversion", "--reason", "y" * 200)
    tripped(home, "grid", **DAILY)
    code, out, err = said("risk", "status")
    assert (code, err) == (0, "")
    assert max(len(line) for line in out.splitlines()) <= 80
    assert "[bold]odd[/bold]" in out
    assert "3.2 %, limit 3 %" in " ".join(out.split())


@pytest.mark.req("R0.9")
def test_a_damaged_ledger_is_code_4_and_not_a_clear_road(home: Path, said: Any) -> None:
    (home / "trader.db").write_bytes(b"no ledger at all" * 100)
    for words in (("status",), ("halt", "--reason", "x"), ("resume", "--reason", "x")):
        code, out, err = said("risk", *words)
        assert (code, out) == (4, "")
        assert "hint: " in err
