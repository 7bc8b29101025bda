"""Finding and loading strategies: whose comes first, and what is said when one cannot be loaded."""

from __future__ import annotations

import hashlib
import pickle
import sys
from pathlib import Path

import pytest

from trader_cli.errors import StrategyError
from trader_cli.strategy.loader import Library, class_name

GOOD = '''"""From somewhere."""
from trader_cli.strategy import Bars, Levels, Param, Strategy


class {name}(Strategy):
    """Hold always: {word}."""

    fast = Param(3)

    def targets(self, bars: Bars) -> Levels:
        return bars.close > 0.0
'''


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    for name in ("user", "builtin"):
        (tmp_path / name).mkdir()
    return tmp_path / "user", tmp_path / "builtin"


def _write(folder: Path, name: str, text: str = "", word: str = "x") -> Path:
    path = folder / f"{name}.py"
    path.write_text(text or GOOD.format(name=class_name(name), word=word))
    return path


def _failure(folders: tuple[Path, Path], text: str) -> StrategyError:
    _write(folders[0], "broken", text)
    before = set(sys.modules)
    with pytest.raises(StrategyError) as raised:
        Library(*folders).load("broken")
    assert not {name for name in set(sys.modules) - before if "broken" in name}
    assert raised.value.exit_code == 3
    return raised.value


def test_the_users_file_hides_the_built_in_one(folders: tuple[Path, Path]) -> None:
    mine = _write(folders[0], "alpha", word="mine")
    _write(folders[1], "alpha", word="built in")
    _write(folders[1], "beta")
    library = Library(*folders)
    loaded = library.load("alpha")
    assert library.names() == ["alpha", "beta"]
    assert loaded.path == mine
    assert loaded.cls.__doc__ == "Hold always: mine."
    assert (loaded.builtin, library.load("beta").builtin) == (False, True)


def test_without_a_home_the_built_in_ones_are_there(folders: tuple[Path, Path]) -> None:
    _write(folders[1], "alpha")
    assert Library(None, folders[1]).names() == ["alpha"]
    assert Library(folders[0] / "missing", folders[1]).names() == ["alpha"]


def test_the_summary_is_read_without_running_the_file(folders: tuple[Path, Path]) -> None:
    _write(folders[0], "alpha", 'raise SystemExit("ran")\nclass Alpha:\n    """Hold.\n\n    More."""\n')
    _write(folders[0], "beta", '"""Of the file."""\n')
    _write(folders[0], "gamma", "def (")
    summaries = [file.summary for file in Library(*folders).files()]
    assert summaries[:2] == ["Hold.", "Of the file."]
    assert summaries[2].startswith("cannot be read: ")


def test_files_that_cannot_be_named_are_not_listed(folders: tuple[Path, Path]) -> None:
    for name in ("_private", "Upper", "with-dash", "9lives", "good"):
        _write(folders[0], name, "x = 1")
    assert Library(*folders).names() == ["good"]


@pytest.mark.req("R3.8")
@pytest.mark.parametrize("given", ["momentun", "Momentum", "momentum.py", "strategies/momentum.py"])
def test_an_unknown_name_offers_the_nearest_one(folders: tuple[Path, Path], given: str) -> None:
    _write(folders[1], "momentum")
    _write(folders[1], "volatility")
    with pytest.raises(StrategyError) as raised:
        Library(*folders).load(given)
    assert raised.value.message == f"no strategy is called `{given}`"
    assert raised.value.hints[0] == "did you mean `momentum`?"


def test_a_name_like_none_gets_the_list(folders: tuple[Path, Path]) -> None:
    _write(folders[1], "alpha")
    with pytest.raises(StrategyError) as raised:
        Library(*folders).load("zzz")
    assert raised.value.hints[0] == "the strategies are alpha"


def test_the_digest_is_of_the_file_that_ran(folders: tuple[Path, Path]) -> None:
    path = _write(folders[0], "alpha")
    assert Library(*folders).load("alpha").source_digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_loading_leaves_no_bytecode_and_no_plain_module_name(folders: tuple[Path, Path]) -> None:
    # A strategy called like a module of the standard library must not become it.
    path = _write(folders[0], "json")
    import json

    loaded = Library(*folders).load("json")
    assert sys.modules["json"] is json
    assert [one.name for one in path.parent.iterdir()] == ["json.py"]
    assert pickle.loads(pickle.dumps(loaded.cls(fast=5))).fast == 5  # noqa: S301 our own bytes


def test_an_edited_file_is_loaded_anew(folders: tuple[Path, Path]) -> None:
    _write(folders[0], "alpha", word="old")
    library = Library(*folders)
    first = library.load("alpha")
    _write(folders[0], "alpha", word="new")
    second = library.load("alpha")
    assert (first.cls.__doc__, second.cls.__doc__) == ("Hold always: old.", "Hold always: new.")
    assert first.source_digest != second.source_digest


def test_a_dataclass_beside_the_strategy_works(folders: tuple[Path, Path]) -> None:
    extra = "from __future__ import annotations\nfrom dataclasses import dataclass\n\n@dataclass\nclass Zone:\n    low: float\n"
    _write(folders[0], "alpha", extra + GOOD.replace('"""From somewhere."""', "").format(name="Alpha", word="x"))
    assert Library(*folders).load("alpha").cls.__name__ == "Alpha"


def test_of_several_classes_the_one_named_like_the_file_is_meant(folders: tuple[Path, Path]) -> None:
    _write(folders[0], "alpha", GOOD.format(name="Alpha", word="x") + "\n\nclass Other(Alpha):\n    pass\n")
    assert Library(*folders).load("alpha").cls.__name__ == "Alpha"


def test_one_class_may_have_any_name(folders: tuple[Path, Path]) -> None:
    _write(folders[0], "alpha", GOOD.format(name="Whatever", word="x"))
    assert Library(*folders).load("alpha").cls.__name__ == "Whatever"


def test_a_syntax_error_is_shown_with_file_and_line(folders: tuple[Path, Path]) -> None:
    error = _failure(folders, "x = 1\ny = (\n")
    assert error.message == "strategy `broken`: '(' was never closed"
    assert error.hints == (f"see `{folders[0] / 'broken.py'}`, line 2",)


def test_a_missing_package_is_named_with_the_cure(folders: tuple[Path, Path]) -> None:
    error = _failure(folders, "import numpy\nimport nowhere_to_be_found\n")
    assert error.message.endswith("ModuleNotFoundError: No module named 'nowhere_to_be_found'")
    assert error.hints[0] == f"see `{folders[0] / 'broken.py'}`, line 2"
    assert "install `nowhere_to_be_found`" in error.hints[1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("from trader_cli.strategy import nonsense", "ImportError"),
        ("x = 1\0", "null bytes"),
    ],
)
def test_a_file_that_cannot_run_is_an_error_of_that_strategy(
    folders: tuple[Path, Path], text: str, message: str
) -> None:
    assert message in _failure(folders, text).message


def test_a_file_that_is_no_text_is_an_error_of_that_strategy(folders: tuple[Path, Path]) -> None:
    (folders[0] / "broken.py").write_bytes(b"x = '\xff'\n")
    with pytest.raises(StrategyError, match="strategy `broken`"):
        Library(*folders).load("broken")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must hold one strategy, it holds none"),
        ("from trader_cli.strategy import Strategy", "must hold one strategy, it holds none"),
        ("class Broken: pass", "must hold one strategy, it holds none"),
        (GOOD.format(name="One", word="x") + GOOD.format(name="Two", word="x"), "it holds `One`, `Two`"),
        ("from trader_cli.strategy import Strategy\nclass Broken(Strategy): pass", "has no method `targets`"),
    ],
)
def test_a_file_without_one_strategy_says_what_to_write(folders: tuple[Path, Path], text: str, message: str) -> None:
    error = _failure(folders, text or "x = 1")
    assert message in error.message
    assert "class Broken(Strategy)" in error.hints[0] or "def targets" in error.hints[0]


def test_a_parameter_declared_wrongly_points_into_the_file(folders: tuple[Path, Path]) -> None:
    error = _failure(folders, GOOD.format(name="Broken", word="x").replace("Param(3)", "Param(3, low=5)"))
    assert error.message == "strategy `Broken`: the default of `fast` is 3, it must be 5 or more"
    assert error.hints == (f"see `{folders[0] / 'broken.py'}`, line 5",)


def test_a_file_that_went_away_is_an_error_of_that_strategy(folders: tuple[Path, Path]) -> None:
    (folders[0] / "gone.py").symlink_to(folders[0] / "nowhere.py")
    with pytest.raises(StrategyError, match="cannot read"):
        Library(*folders).load("gone")
