"""Files of bars: their names, reading them whole, writing them atomically."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from trader_cli.errors import DataError, UsageError
from trader_cli.market.listing import Series
from trader_cli.model.bars import COLUMNS, Bars, Ints
from trader_cli.model.timeframe import Timeframe


def file_of(folder: Path, exchange: str, symbol: str, timeframe: Timeframe) -> Path:
    """Return where a series is stored as Parquet. Raises UsageError for names that would leave the folder."""
    for name, value in (("exchange", exchange), ("symbol", symbol)):
        plain = value.replace("/", "", 1) if name == "symbol" else value
        if not plain or not all(letter.isalnum() or letter in "._-" for letter in plain) or plain.startswith("."):
            raise UsageError(f"`{value}` cannot be the name of a {name}", "use letters, digits, `.`, `_` and `-`")
    return folder / exchange / f"{symbol.replace('/', '-')}-{timeframe}.parquet"


def read_table(path: Path) -> Any:
    """Return a file's table as pyarrow reads it. Raises DataError for a file that cannot be read."""
    import pyarrow as pa

    try:
        if path.name.endswith(".parquet"):
            import pyarrow.parquet as pq

            # Not `read_table`: it imports pyarrow.dataset, which imports pandas, 0.3 s that nobody uses here.
            with pq.ParquetFile(path) as file:
                table = file.read()
        else:
            import pyarrow.csv as pc

            table = pc.read_csv(path)
        # Names are decoded only now; a wrong encoding shows here.
        return table.rename_columns(table.column_names)
    except FileNotFoundError:
        raise DataError(f"there is no file `{path}`") from None
    except (OSError, pa.ArrowException, UnicodeDecodeError, EOFError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"`{path}` cannot be read: {reason}",
            "it may be cut short or be of another format: get it again, then `trader data import` it",
        ) from error


def load(series: Series) -> Bars:
    """Return a stored file's bars, checked. Raises DataError with file, row and cure for a damaged one."""
    table = read_table(series.path)
    missing = [name for name in ("timestamp", *COLUMNS) if name not in table.column_names]
    if missing:
        raise DataError(
            f"`{series.path}` has no column `{missing[0]}`, it has {', '.join(table.column_names)}",
            f"import it: `trader data import {series.path}`",
        )
    arrays: dict[str, Any] = {}
    for name in ("timestamp", *COLUMNS):
        column = table.column(name)
        wanted = np.int64 if name == "timestamp" else np.float64
        if column.type == "int64" and name != "timestamp":
            # Whole numbers in a text file.
            column = column.cast("double", safe=False)
        if column.null_count and column.type == "double":
            # An empty price is damage like any other: the check below names its row.
            column = column.fill_null(float("nan"))
        if column.null_count or column.type != ("int64" if name == "timestamp" else "double"):
            raise DataError(
                f"`{series.path}`: column `{name}` holds {column.type} with {column.null_count} empty values",
                f"import it again: `trader data import {series.path}`",
            )
        arrays[name] = np.ascontiguousarray(column_of(column), dtype=wanted)
    bars = Bars(series.symbol, series.exchange, series.timeframe, arrays.pop("timestamp"), **arrays)
    refuse_damage(bars, series.path)
    return bars


def column_of(column: Any) -> Any:
    """Return a column of pyarrow's numbers without empty ones as an array; not its `to_numpy`, which imports pandas."""
    return np.from_dlpack(column.combine_chunks())


def refuse_damage(bars: Bars, path: Path) -> None:
    """Raise DataError naming file, row, time and value of the first bar that cannot be traded on."""
    rows = damaged_rows(bars)
    if rows is None:
        return
    row, what = rows
    raise DataError(
        f"`{path}`, row {row + 1} ({iso(int(bars.open_ms[row]))}): {what}",
        f"`trader data check {path}` names every defect",
        "mend the source and import it again; nothing is repaired in silence",
    )


def damaged_rows(bars: Bars) -> tuple[int, str] | None:
    """Return (row, what is wrong) of the first damaged bar, None when there is none. Vectorised, one pass a rule."""
    found: list[tuple[int, str]] = []
    # One comparison covers NaN (every comparison with it is false), zero, negative and high < low.
    sound = (
        (bars.low > 0.0)
        & (bars.low <= bars.open)
        & (bars.low <= bars.close)
        & (bars.high >= bars.open)
        & (bars.high >= bars.close)
        & (bars.high < np.inf)
        & (bars.volume >= 0.0)
        & (bars.volume < np.inf)
    )
    if not sound.all():
        row = int(np.argmin(sound))
        values = ", ".join(f"{name} {getattr(bars, name)[row]:g}" for name in COLUMNS)
        found.append(
            (row, f"prices must be above 0 with low <= open, close <= high, volume not negative; here {values}")
        )
    steps = np.diff(bars.open_ms)
    if len(steps) and steps.min() <= 0:
        row = int(np.argmax(steps <= 0)) + 1
        what = (
            "its time is that of the row before" if steps[row - 1] == 0 else "its time is before that of the row before"
        )
        found.append((row, what))
    return min(found) if found else None


def iso(time_ms: int) -> str:
    """Return `2018-01-31T23:30:00Z` for ms UTC; the bare number where no calendar reaches."""
    try:
        return str(np.datetime64(time_ms, "ms").astype("datetime64[s]")) + "Z"
    except (OverflowError, ValueError):
        return str(time_ms)


def write(bars: Bars, path: Path) -> None:
    """Write a series as Parquet so that a reader, a crash or a full disk never meets half a file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    # Not `pa.array`: it imports pandas, half a second and 60 MB, only to know that this is none of its own.
    columns = {"timestamp": _plain(bars.open_ms, "<i8", pa.int64())}
    columns |= {name: _plain(getattr(bars, name), "<f8", pa.float64()) for name in COLUMNS}
    with replacing(path) as temporary:
        pq.write_table(
            pa.table(columns),
            temporary,
            compression="zstd",
            use_dictionary=False,
            column_encoding={"timestamp": "DELTA_BINARY_PACKED", **dict.fromkeys(COLUMNS, "BYTE_STREAM_SPLIT")},
            store_schema=False,
        )


def _plain(values: Ints | Any, kind: str, stored: Any) -> Any:
    """Return numbers as pyarrow's array over the same memory."""
    import pyarrow as pa

    held = np.ascontiguousarray(values, kind)
    return pa.Array.from_buffers(stored, len(held), [None, pa.py_buffer(held)])


@contextmanager
def replacing(path: Path, *, lasting: bool = True) -> Iterator[Path]:
    """Give a temporary file beside `path` to write; on success it is synced and takes its place, else it is gone.

    lasting: it must outlive a power cut, so the disk is waited for.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if not lasting:
            temporary.replace(path)
            return
        with temporary.open("rb+") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold a series against other processes; the hold ends with the process, however that ends."""
    import fcntl

    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
