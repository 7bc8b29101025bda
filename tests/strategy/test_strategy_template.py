"""`strategy new` writes a file that works as it stands, and never over another."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

from trader_cli.errors import UsageError
from trader_cli.model.bars import Bars
from trader_cli.model.timeframe import Timeframe
from trader_cli.strategy import template
from trader_cli.strategy.base import compute
from trader_cli.strategy.laws import check_lookahead
from trader_cli.strategy.loader import Library
from trader_cli.strategy.template import write_new


def _bars(count: int) -> Bars:
    close = 100.0 * np.cumprod(1.0 + np.random.default_rng(5).normal(0.0, 0.02, count))
    stamps = np.arange(count, dtype=np.int64) * 14_400_000
    return Bars("BTC/USD", "x", Timeframe(14_400_000), stamps, close, close * 1.01, close * 0.99, close, close)


def test_the_new_file_loads_trades_and_keeps_law_1(tmp_path: Path) -> None:
    path = write_new(tmp_path / "strategies", "my_first")
    loaded = Library(tmp_path / "strategies", tmp_path).load("my_first")
    bars = _bars(600)
    signals = compute(loaded.cls(), bars)
    assert loaded.path == path
    assert loaded.cls.__name__ == "MyFirst"
    assert set(signals.target) == {0.0, 1.0}
    assert signals.stop is not None
    assert (signals.stop[signals.target == 1.0] < bars.close.max()).all()
    assert check_lookahead(loaded.cls(), bars, cuts=20) == []


def test_no_line_of_the_new_file_is_too_long_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = write_new(tmp_path, "my_first")
    text = path.read_text()
    assert [one.name for one in tmp_path.iterdir()] == ["my_first.py"]
    assert max(len(line) for line in text.splitlines()) <= 120
    assert "backtest my_first" in text
    ast.parse(text)


def test_a_file_that_is_there_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious")
    with pytest.raises(UsageError, match="is there already"):
        write_new(tmp_path, "mine")
    assert (tmp_path / "mine.py").read_text() == "precious"


def test_a_file_that_appears_in_the_middle_is_not_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = template._publish

    def late(draft: Path, path: Path) -> None:
        path.write_text("precious")
        publish(draft, path)

    monkeypatch.setattr(template, "_publish", late)
    with pytest.raises(UsageError, match="is there already"):
        write_new(tmp_path, "mine")
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [("mine.py", "precious")]


def test_a_failed_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(template.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_new(tmp_path, "mine")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_links_works_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", refused)
    assert write_new(tmp_path, "mine").read_text().startswith('"""')
    assert [one.name for one in tmp_path.iterdir()] == ["mine.py"]


@pytest.mark.parametrize("name", ["", "Upper", "1st", "a-b", "../up", "a/b", "a.py", "_x", "class", "ä", "a b", "a\n"])
def test_a_name_no_strategy_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a strategy") as raised:
        write_new(tmp_path, name)
    assert raised.value.exit_code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_would_hide_another_strategy_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is a strategy `momentum` already"):
        write_new(tmp_path, "momentum", taken=["momentum"])
