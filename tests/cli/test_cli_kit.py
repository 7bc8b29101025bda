"""One renderer, one way to fail: what every command gets from the kit."""

from __future__ import annotations

import errno
import json
import math
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.cli.faults import translated
from trader_cli.cli.kit import COMMON, Outcome, Run, command, parameters, plain, render, show_error, split
from trader_cli.errors import DataError, StrategyError, TraderError, UsageError

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_whatever_a_result_holds_becomes_strict_json(value: Any) -> None:
    json.dumps(plain({"value": value}), allow_nan=False)


def test_json_keeps_exact_decimals_as_text_and_has_no_nan() -> None:
    value = {
        "a": math.nan,
        "b": -math.inf,
        "c": Decimal("0.10"),
        "nan": Decimal("NaN"),
        "d": np.array([1.5, math.nan]),
        "e": Path("x"),
        1: (),
    }
    assert plain(value) == {"a": None, "b": None, "c": "0.10", "nan": None, "d": [1.5, None], "e": "x", "1": []}


def outcome(error: TraderError | None = None) -> Outcome:
    return Outcome("thing/1", {"x": math.nan}, lambda console: console.print("the thing · ok"), error)


def test_a_result_is_printed_as_its_view_or_as_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    render(Run(), outcome())
    assert capsys.readouterr() == ("the thing · ok\n", "")
    render(Run(json=True), outcome())
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    assert json.loads(out) == {"schema": "trader.thing/1", "ok": True, "result": {"x": None}}


@dataclass(frozen=True)
class Size:
    """Options that two commands share."""

    wide: Annotated[str | None, typer.Option(help="How wide.")] = None
    many: Annotated[int, typer.Option(help="How many.", min=1)] = 3


@dataclass(frozen=True)
class Wider(Size):
    """The same, one of them in other words."""

    wide: Annotated[str | None, typer.Option(help="As wide as may be.")] = None


def test_an_option_that_is_a_dataclass_is_the_options_of_its_fields_in_its_place(
    capsys: pytest.CaptureFixture[str],
) -> None:
    app, came = typer.Typer(rich_markup_mode=None), []

    @app.callback()
    def top() -> None:
        pass

    def both(run: Run, *, first: str = "a", size: Size, last: bool = False) -> Outcome:
        came.append((first, size, last))
        return Outcome("both/1", {}, lambda _: None)

    def wider(run: Run, *, size: Wider) -> Outcome:
        came.append(size)
        return Outcome("wider/1", {}, lambda _: None)

    command(app, "both")(both)
    command(app, "wider")(wider)
    app(["both", "--many", "5", "--last"], standalone_mode=False)
    app(["wider", "--wide", "x"], standalone_mode=False)
    assert came == [("a", Size(None, 5), True), Wider("x", 3)]
    with pytest.raises(Exception, match="greater than or equal to 1"):
        app(["both", "--many", "0"], standalone_mode=False)
    capsys.readouterr()
    app(["both", "--help"], standalone_mode=False)
    listed = capsys.readouterr().out
    assert [word for word in ("--first", "--wide", "--many", "--last", "--json") if word in listed] == sorted(
        ("--first", "--wide", "--many", "--last", "--json"), key=listed.index
    )
    assert "How wide." in listed
    app(["wider", "--help"], standalone_mode=False)
    shown = capsys.readouterr().out
    assert "As wide as may be." in shown
    assert shown.index("--wide") < shown.index("--many")


def test_a_result_that_is_bad_news_keeps_both_result_and_error(capsys: pytest.CaptureFixture[str]) -> None:
    render(Run(json=True), outcome(DataError("2 of 3 are damaged", "mend them")))
    out, err = capsys.readouterr()
    assert json.loads(out) == {
        "schema": "trader.thing/1",
        "ok": False,
        "result": {"x": None},
        "error": {"code": "data", "message": "2 of 3 are damaged", "hints": ["mend them"]},
    }
    assert err == "error: 2 of 3 are damaged\n\nhint: mend them\n"


def test_an_error_is_a_sentence_then_its_hints(capsys: pytest.CaptureFixture[str]) -> None:
    show_error(
        StrategyError("no strategy is called `x`", "did you mean `y`?", "see `trader strategy list`"), as_json=True
    )
    out, err = capsys.readouterr()
    assert err == "error: no strategy is called `x`\n\nhint: did you mean `y`?\nhint: see `trader strategy list`\n"
    assert json.loads(out)["error"]["code"] == "strategy"
    show_error(DataError("no hints"), as_json=False)
    assert capsys.readouterr() == ("", "error: no hints\n")


def test_a_command_gets_the_common_options_beside_its_own() -> None:
    app = typer.Typer()
    seen: list[tuple[Run, int]] = []

    @command(app, "do")
    def _do(run: Run, count: Annotated[int, typer.Option(help="How many.")] = 1) -> Outcome:
        seen.append((run, count))
        return outcome()

    @command(app, "other")
    def _other(run: Run) -> Outcome:
        return outcome(DataError("bad"))

    words = ["do", "--count", "3", "--json", "--home", "h", "--preset", "p", "--set", "a.b=1", "--set", "c.d=2"]
    assert app(args=[*words, "-q", "-v", "--no-color"], standalone_mode=False) == 0
    run, count = seen[0]
    assert count == 3
    assert run == Run(True, Path("h"), "p", ["a.b=1", "c.d=2"], True, True, True, name="do")
    assert app(args=["other"], standalone_mode=False) == DataError.exit_code
    for name in ("do", "other"):
        found = {one.name for one in typer.main.get_command(app).commands[name].params}  # type: ignore[attr-defined]
        assert set(COMMON) <= found


def test_options_before_a_subcommand_are_refused_and_not_lost() -> None:
    app, group = typer.Typer(), typer.Typer()

    @command(group, None)
    def _group(run: Run, limit: Annotated[int, typer.Option(help="How many.")] = 1) -> Outcome:
        return outcome()

    @command(group, "below")
    def _below(run: Run) -> Outcome:
        return outcome()

    app.add_typer(group, name="group")
    assert app(args=["group"], standalone_mode=False) == 0
    assert app(args=["group", "below", "--home", "h"], standalone_mode=False) == 0
    for words in (["--home", "h"], ["--json"], ["--limit", "2"], ["--set", "a=1"]):
        with pytest.raises(UsageError, match="before its name"):
            app(args=["group", *words, "below"], standalone_mode=False)


def test_lists_and_pairs_are_read_as_typed() -> None:
    assert split(None) is None
    assert split("BTC/USD, ETH/USD,") == ["BTC/USD", "ETH/USD"]
    assert parameters(["fast=20", "mode = a=b "]) == {"fast": "20", "mode": "a=b"}
    for wrong in ("fast", "=3"):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            parameters([wrong])
        with pytest.raises(UsageError, match="KEY=VALUE"):
            Run(sets=[wrong]).wiring()


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (OSError(errno.ENOSPC, "x", "a.db"), DataError, "the disk is full at `a.db`"),
        (OSError(errno.EDQUOT, "x"), DataError, "the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "a"), UsageError, "`a`: permission denied"),
        (FileExistsError(errno.EEXIST, "File exists", "a"), UsageError, "`a`: file exists"),
        (FileNotFoundError(errno.ENOENT, "x"), UsageError, "the current folder does not exist any more"),
        (DataError("as it is"), DataError, "as it is"),
    ],
)
def test_what_the_machine_refuses_is_said_in_our_words(error: Exception, kind: type[TraderError], says: str) -> None:
    found = translated(error)
    assert isinstance(found, kind)
    assert found.message == says


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), OSError(errno.EIO, "x"), AssertionError()])
def test_what_only_a_bug_can_break_is_not_excused(error: Exception) -> None:
    assert translated(error) is None


def test_progress_says_nothing_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    for run in (Run(), Run(quiet=True)):
        with run.progress("working") as progress:
            progress(1, 2)
    assert capsys.readouterr() == ("", "")


def test_notes_go_to_stderr_and_quiet_silences_them(capsys: pytest.CaptureFixture[str]) -> None:
    Run().note("[compiling] once")
    assert capsys.readouterr() == ("", "[compiling] once\n")
    Run(quiet=True).note("compiling")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("variable", "run"), [("NO_COLOR", Run()), ("UNUSED", Run(no_color=True))])
def test_colours_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, variable: str, run: Run) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert run.no_color or not Run().console().no_color
    monkeypatch.setenv(variable, "1")
    assert run.console().no_color


@pytest.mark.parametrize(("option", "value"), [("--home", "x"), ("--preset", "plain"), ("--set", "costs.fee_bps=1")])
def test_what_is_stated_reaches_the_wiring(option: str, value: str, tmp_path: Path) -> None:
    words = {"--home": {"home": tmp_path / value}, "--preset": {"preset": value}, "--set": {"sets": [value]}}[option]
    parts = Run(**{"home": tmp_path, **words}).wiring(account__cash="7", data__exchange=None)  # type: ignore[arg-type]
    assert parts.settings.account.cash == 7
    assert parts.home.parent in (tmp_path, tmp_path.parent)
    if option == "--set":
        assert parts.settings.costs.fee_bps == 1
    if option == "--preset":
        assert parts.config.preset == "plain"
