"""`trader strategy list`, `show` and `new` as a user sees them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trader_cli.cli.main import run


def test_list_names_the_built_in_strategies_and_ones_own(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "new", "my_first", "-q"]) == 0
    capsys.readouterr()
    assert run(["strategy", "list", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row for row in answer["result"]["strategies"]}
    assert answer["schema"] == "trader.strategy.list/1"
    built_in = ["demo_ma", "grid", "mean_reversion", "momentum"]
    assert list(rows) == ["arbitrage", *built_in, "my_first", "trend_breakout", "volatility"]
    assert rows["demo_ma"]["summary"] == "Hold while the fast average is above the slow one."
    assert (rows["demo_ma"]["builtin"], rows["my_first"]["builtin"]) == (True, False)
    assert rows["my_first"]["path"] == str(home / "strategies" / "my_first.py")


def test_list_as_a_table_says_whose_each_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split()[:3] == ["demo_ma", "built", "in"] for line in lines)


def test_show_gives_idea_source_and_parameters_with_their_ranges(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["strategy", "show", "trend_breakout"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Source: Faith (2003)" in text
    assert "slow 55 5 to 400 bars in the channel whose high begins it" in text
    assert "stop_atr 2.0 0.5 to 10.0" in text


def test_show_as_json_has_every_parameter_and_the_digest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "show", "demo_ma", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)["result"]
    assert [(one["name"], one["default"], one["low"], one["high"]) for one in result["params"]] == [
        ("fast", 20, 2, 100),
        ("slow", 100, 5, 400),
    ]
    assert len(result["digest"]) == 64


@pytest.mark.req("R3.8")
def test_show_of_an_unknown_name_is_exit_3_with_the_nearest(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "show", "momentun"]) == 3
    seen = capsys.readouterr()
    assert seen.out == ""
    assert seen.err.splitlines()[:3] == [
        "error: no strategy is called `momentun`",
        "",
        "hint: did you mean `momentum`?",
    ]


def test_show_of_a_broken_file_is_exit_3_with_its_line(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "strategies").mkdir()
    path = home / "strategies" / "mine.py"
    path.write_text("x = 1\n1 / 0\n")
    assert run(["strategy", "show", "mine"]) == 3
    assert f"hint: see `{path}`, line 2" in capsys.readouterr().err
    assert run(["strategy", "list"]) == 0


def test_new_writes_a_file_and_never_over_one(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["strategy", "new", "my_first", "--json"]) == 0
    path = Path(json.loads(capsys.readouterr().out)["result"]["path"])
    assert path == home / "strategies" / "my_first.py"
    path.write_text("precious")
    assert run(["strategy", "new", "my_first"]) == 2
    assert path.read_text() == "precious"


@pytest.mark.parametrize("name", ["Bad", "../up", "momentum"])
def test_new_refuses_a_bad_name_and_one_that_would_hide_another(
    home: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert run(["strategy", "new", name]) == 2
    assert capsys.readouterr().err.startswith("error: ")
    assert not (home / "strategies").exists()
