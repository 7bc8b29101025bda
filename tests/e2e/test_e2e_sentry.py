"""Sentry hears of faults of the program, where somebody wants that, and of nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from listener import Listener

from trader_cli.cli.afterwards import report
from trader_cli.cli.kit import Run
from trader_cli.cli.main import run
from trader_cli.errors import UsageError
from trader_cli.strategy.loader import Library

KEY = "kQH5HW8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow7"


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    with Listener() as server:
        monkeypatch.setenv("SENTRY_DSN", f"http://public@{server.at}/1")
        monkeypatch.setenv("TRADER_API_KEY", KEY)
        yield server


def broken(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def files(self: Library) -> list[object]:
        raise error

    monkeypatch.setattr(Library, "files", files)


def events(at: Listener) -> list[dict[str, Any]]:
    return [json.loads(one.body.splitlines()[2]) for one in at.got]


@pytest.mark.req("R2.8")
def test_a_fault_is_told_without_key_and_home_and_ends_as_it_would(
    home: Path, at: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, ZeroDivisionError(f"{KEY} in {home}/strategies/mine.py"))
    assert run(["strategy", "list"]) == 1
    (event,) = events(at)
    (value,) = event["exception"]["values"]
    assert (value["type"], value["value"]) == ("ZeroDivisionError", "*** in …/mine.py")
    files = [one["filename"] for one in value["stacktrace"]["frames"]]
    assert "trader_cli/cli/strategy.py" in files
    for private in (KEY, str(home), home.name, "public"):
        assert private not in at.got[0].body.split("\n", 1)[1]


@pytest.mark.req("R2.8")
@pytest.mark.parametrize("error", [KeyboardInterrupt(), PermissionError(13, "no", "/x")])
def test_what_is_no_fault_of_the_program_is_not_told(
    home: Path, at: Listener, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    broken(monkeypatch, error)
    assert run(["strategy", "list"]) != 0
    assert at.got == []


@pytest.mark.req("R2.8")
def test_a_reader_that_went_away_and_a_sentence_of_ours_are_not_told(home: Path, at: Listener) -> None:
    for error in (BrokenPipeError(), UsageError("no"), SystemExit(1)):
        report(Run(home=home), error)
    assert at.got == []
    report(Run(home=home, name="list"), ZeroDivisionError("x"))
    assert len(at.got) == 1


@pytest.mark.req("R2.8")
def test_it_is_off_without_a_dsn_and_where_the_configuration_says_so(
    home: Path, at: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, ZeroDivisionError("x"))
    assert run(["strategy", "list", "--set", "sentry.enabled=false"]) == 1
    assert run(["strategy", "list", "--set", "sentry.dsn_env=OTHER_DSN"]) == 1
    assert at.got == []


@pytest.mark.req("R2.8")
def test_a_dsn_that_is_none_is_a_warning_that_does_not_show_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SENTRY_DSN", "hunter-two")
    broken(monkeypatch, ZeroDivisionError("x"))
    assert run(["strategy", "list"]) == 1
    said = capsys.readouterr().err
    assert "warning: the fault was not reported" in said
    assert "hunter-two" not in said


@pytest.mark.req("R2.8")
def test_a_sentry_that_hangs_holds_a_fault_up_no_longer_than_it_may(
    home: Path, at: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    at.status = 0
    broken(monkeypatch, ZeroDivisionError("x"))
    assert run(["strategy", "list", "--set", "sentry.timeout_s=1"]) == 1
