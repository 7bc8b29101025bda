"""What a strategy reaches for beside its bars is seen, and what the machinery opens for it is not."""

from __future__ import annotations

import datetime
import gc
import os
import random
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trader_cli.strategy.laws_watch import clocks_in, watched


def _try_connect() -> None:
    with socket.socket() as one:
        one.connect_ex(("127.0.0.1", 9))


@pytest.mark.parametrize(
    ("deed", "kind"),
    [
        (lambda: Path(__file__).read_text(), "file"),
        (lambda: Path(__file__).exists(), "file"),
        (lambda: list(Path(__file__).parent.iterdir()), "file"),
        (lambda: np.fromfile(__file__, dtype="u1"), "file"),
        (_try_connect, "network"),
        (lambda: subprocess.run(["true"], check=True), "process"),
        (lambda: gc.get_objects()[:0], "memory"),
        (time.time, "clock"),
        (lambda: datetime.datetime.now(datetime.UTC), "clock"),
        (lambda: os.environ.get("HOME"), "environment"),
        (lambda: os.getenv("HOME"), "environment"),
        (random.random, "random"),
        (lambda: np.random.rand(3), "random"),
        (np.random.default_rng, "random"),
    ],
)
def test_what_it_reaches_for_is_seen_and_named(deed: Callable[[], object], kind: str) -> None:
    def author() -> object:
        # A line of the author's own, between the watch and the deed.
        return deed()

    _, touches = watched(author)
    assert {one.kind for one in touches} >= {kind}
    assert all(str(one) for one in touches)


def test_a_file_is_named_with_the_line_that_read_it(tmp_path: Path) -> None:
    path = tmp_path / "future.csv"
    path.write_text("close\n1\n")

    def author() -> str:
        return path.read_text()

    text, touches = watched(author)
    assert text == "close\n1\n"
    assert [(one.kind, one.what) for one in touches] == [("file", f"`{path}`")]
    assert f"{__file__}, line" in touches[0].where
    assert str(touches[0]).startswith(f"it reads the file `{path}` (")


def test_a_library_that_reads_in_code_of_its_own_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "future.parquet"
    pd.DataFrame({"close": [1.0]}).to_parquet(path)
    _, touches = watched(lambda: pd.read_parquet(path))
    assert [(one.kind, one.what) for one in touches if one.kind == "file"] == [("file", f"`{path}`")]


def test_imports_time_zones_and_pandas_are_nobodys_deed() -> None:
    def innocent() -> None:
        import colorsys  # noqa: F401

        frame = pd.DataFrame({"close": np.arange(50.0)}, index=pd.date_range("2020", periods=50, freq="h", tz="UTC"))
        frame.tz_convert("Australia/Hobart").resample("1D").last().rolling(2).mean().to_numpy()
        np.random.default_rng(5).normal(size=3)

    assert watched(innocent)[1] == []


def test_nothing_is_seen_outside_and_an_error_ends_the_watch(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"

    def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        watched(fails)
    path.write_text("")
    assert watched(lambda: None)[1] == []


def test_a_clock_that_no_event_tells_of_is_found_in_the_source() -> None:
    import ast

    source = "import pandas as pd\na = pd.Timestamp.now()\nb = pd.to_datetime('today')\nc = now()\nd = bars.today\n"
    found = clocks_in(ast.parse(source), "x.py")
    assert [(one.what, one.where) for one in found] == [
        ("`pd.Timestamp.now()`", "x.py, line 2"),
        ("`pd.to_datetime('today')`", "x.py, line 3"),
    ]
