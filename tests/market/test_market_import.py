"""Importing: every kind of stamp, every kind of damage, never a traceback, never half a file."""

from __future__ import annotations

import gzip
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trader_cli.errors import TraderError
from trader_cli.market.files import load
from trader_cli.market.importer import Imported, import_file
from trader_cli.market.listing import series_of

HEAD = "timestamp,open,high,low,close,volume\n"
ROW = "{t},10,12,9,11,5\n"


def bring(path: Path, folder: Path, **more: object) -> list[Imported]:
    options: dict[str, object] = {
        "exchange": "x", "symbol": "A/USD", "timeframe": None, "quote": None, "sort": False, "drop_duplicates": False,
    }  # fmt: skip
    options.update(more)
    return import_file(path, folder, **options)  # type: ignore[arg-type]


FIRST = 1_514_764_800  # 2018-01-01T00:00:00Z


@pytest.mark.parametrize(
    "stamps",
    [
        [str(FIRST + 60 * i) for i in range(3)],
        [str((FIRST + 60 * i) * 1_000) for i in range(3)],
        [str((FIRST + 60 * i) * 1_000_000) for i in range(3)],
        [str((FIRST + 60 * i) * 1_000_000_000) for i in range(3)],
        [f"2018-01-01T00:0{i}:00Z" for i in range(3)],
        [f"2018-01-01 00:0{i}:00" for i in range(3)],
        [f"2018-01-01 02:0{i}:00+02:00" for i in range(3)],
    ],
)
def test_stamps_of_every_kind_are_the_same_bars(tmp_path: Path, stamps: list[str]) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(ROW.format(t=stamp) for stamp in stamps))
    (done,) = bring(path, tmp_path / "data")
    assert (done.bars, done.timeframe, done.first, done.last) == (
        3,
        "1m",
        "2018-01-01T00:00:00Z",
        "2018-01-01T00:02:00Z",
    )


def test_other_column_names_gzip_and_dates(tmp_path: Path) -> None:
    path = tmp_path / "in.csv.gz"
    text = "Date,Open,High,Low,Close,Vol\n" + "".join(f"2018-01-0{i},10,12,9,11,5\n" for i in range(1, 6))
    path.write_bytes(gzip.compress(text.encode()))
    (done,) = bring(path, tmp_path / "data", symbol="AAPL")
    assert (done.bars, done.timeframe) == (5, "1d")
    assert Path(done.path).name == "AAPL-1d.parquet"


def test_a_symbol_column_splits_the_file(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = [f"{FIRST + 60 * i},{name},10,12,9,11,5\n" for name in ("S1", "S2") for i in range(4)]
    path.write_text("timestamp,symbol,open,high,low,close,volume\n" + "".join(rows))
    done = bring(path, tmp_path / "data", symbol=None, quote="USD")
    assert [(one.symbol, one.bars) for one in done] == [("S1/USD", 4), ("S2/USD", 4)]


def test_importing_twice_adds_nothing_and_more_bars_are_merged(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(ROW.format(t=FIRST + 60 * i) for i in range(3)))
    bring(path, tmp_path / "data")
    assert bring(path, tmp_path / "data")[0].added == 0
    path.write_text(HEAD + "".join(ROW.format(t=FIRST + 60 * i) for i in range(2, 6)))
    (done,) = bring(path, tmp_path / "data")
    assert (done.added, done.bars) == (3, 6)


def test_a_contradicting_bar_is_refused_and_the_stored_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(ROW.format(t=FIRST + 60 * i) for i in range(3)))
    (done,) = bring(path, tmp_path / "data")
    before = Path(done.path).read_bytes()
    path.write_text(HEAD + f"{FIRST + 60},10,12,9,11.5,5\n{FIRST + 120},10,12,9,11,5\n")
    with pytest.raises(TraderError, match=r"contradicts .* 2018-01-01T00:01:00Z"):
        bring(path, tmp_path / "data")
    assert Path(done.path).read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["0", "2", "1"], "row 3 .*before that of the row before"),
        (["0", "1", "1"], "row 3 .*is that of the row before"),
    ],
)
def test_disorder_is_refused_with_its_row_and_mended_only_when_asked(
    tmp_path: Path, rows: list[str], says: str
) -> None:
    path = tmp_path / "in.csv"
    path.write_text(HEAD + "".join(ROW.format(t=FIRST + 60 * int(i)) for i in rows))
    with pytest.raises(TraderError, match=says) as error:
        bring(path, tmp_path / "data", timeframe=None)
    assert error.value.exit_code == 4
    assert "nothing of the file was imported" in error.value.hints[-1]
    assert not (tmp_path / "data").exists()
    (done,) = bring(path, tmp_path / "data", sort=True, drop_duplicates=True)
    assert len(done.noted) == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (f"{FIRST + 60},nan,12,9,11,5", "row 2"),
        (f"{FIRST + 60},10,12,9,,5", "row 2"),
        (f"{FIRST + 60},10,12,-9,11,5", "row 2"),
        (f"{FIRST + 60},10,8,9,11,5", "row 2"),
        (f"{FIRST + 60},10,1e400,9,11,5", "row 2"),
        (f"{FIRST + 60},10,12,9,11,-5", "row 2"),
        (f"{FIRST + 61},10,12,9,11,5", "not on the grid"),
        ("17,10,12,9,11,5", "row 2"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, says: str) -> None:
    from trader_cli.model.timeframe import Timeframe

    path = tmp_path / "in.csv"
    path.write_text(HEAD + ROW.format(t=FIRST) + line + "\n" + ROW.format(t=FIRST + 120))
    with pytest.raises(TraderError, match=says) as error:
        bring(path, tmp_path / "data", timeframe=Timeframe.parse("1m"))
    assert error.value.exit_code == 4
    assert str(path) in error.value.message


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00" * 100,
        HEAD.encode(),
        b"timestamp,open\n1,2\n",
        (HEAD + "x,y,z,1,2,3\n").encode(),
        (HEAD + "1,2\n").encode(),
        "tïmestamp,öpen\n1,2".encode("latin-1"),
        (HEAD + ROW.format(t=FIRST)).encode("utf-16"),
        b"PAR1" + b"\xff" * 50 + b"PAR1",
        (HEAD + ROW.format(t="9" * 40)).encode(),
        (HEAD + ROW.format(t="1e308")).encode(),
    ],
)
@pytest.mark.parametrize("name", ["in.csv", "in.csv.gz", "in.parquet"])
def test_a_file_that_is_none_is_a_sentence(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(TraderError) as error:
        bring(path, tmp_path / "data")
    assert error.value.exit_code in (2, 4)
    assert not list((tmp_path / "data").rglob("*")) if (tmp_path / "data").exists() else True


SOUND = (HEAD + "".join(ROW.format(t=FIRST + 60 * i) for i in range(50))).encode()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), form=st.sampled_from(["in.csv", "in.csv.gz", "in.parquet"]))
def test_damage_anywhere_never_shows_a_traceback(tmp_path: Path, data: st.DataObject, form: str) -> None:
    source = tmp_path / "sound.csv"
    source.write_bytes(SOUND)
    raw = (
        SOUND
        if form == "in.csv"
        else gzip.compress(SOUND, mtime=0)
        if form == "in.csv.gz"
        else parquet(source, tmp_path)
    )
    damaged = bytearray(raw)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(0, len(damaged)))] if data.draw(st.booleans()) else damaged
    path = tmp_path / form
    path.write_bytes(bytes(damaged))
    folder = tmp_path / "data"
    for old in folder.rglob("*.parquet"):
        old.unlink()
    try:
        done = bring(path, folder)
    except TraderError:
        done = []
    if done:
        named = series_of(Path(done[0].path), "x", sample=False)
        assert named is not None
        assert len(load(named)) == done[0].bars
    assert not list(folder.rglob("*.part")) if folder.exists() else True


def parquet(source: Path, folder: Path) -> bytes:
    (done,) = bring(source, folder / "made")
    raw = Path(done.path).read_bytes()
    Path(done.path).unlink()
    return raw


def test_a_kill_during_import_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    count = 60_000
    stamps = FIRST + 60 * np.arange(count)
    path.write_text(HEAD + "".join(ROW.format(t=stamp) for stamp in stamps[: count // 2]))
    command = [sys.executable, "-m", "trader_cli", "data", "import", str(path), "--exchange", "x", "--symbol", "A/USD"]
    env = {**os.environ, "TRADER_HOME": str(tmp_path)}
    subprocess.run(command, env=env, check=True, capture_output=True, timeout=60)
    stored = tmp_path / "data" / "x" / "A-USD-1m.parquet"
    path.write_text(HEAD + "".join(ROW.format(t=stamp) for stamp in stamps))
    for milliseconds in (200, 350, 450, 500, 550, 600):
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(milliseconds / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        named = series_of(stored, "x", sample=False)
        assert named is not None
        assert len(load(named)) in (count // 2, count)
