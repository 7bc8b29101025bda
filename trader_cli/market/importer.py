"""Foreign files of bars become ours: CSV, CSV.gz and Parquet in, one schema out, nothing repaired in silence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from trader_cli.errors import DataError, UsageError
from trader_cli.market.files import column_of, damaged_rows, file_of, iso, load, read_table, write
from trader_cli.market.listing import series_of
from trader_cli.model.bars import COLUMNS, Bars, Floats, Ints
from trader_cli.model.timeframe import DAY_MS, Timeframe

_NAMES = {
    "timestamp": ("timestamp", "time", "date", "datetime", "open_time", "opentime", "ts", "t", "unix"),
    "open": ("open", "o", "open_price"),
    "high": ("high", "h", "high_price"),
    "low": ("low", "l", "low_price"),
    "close": ("close", "c", "close_price"),
    "volume": ("volume", "v", "vol", "base_volume"),
    "symbol": ("symbol", "ticker", "pair", "market"),
}
# Epoch numbers between 1980 and 2200 in s, ms, us and ns do not overlap: the size tells the unit.
_EPOCH_FIRST_S, _EPOCH_LAST_S = 315_532_800, 7_258_118_400


@dataclass(frozen=True)
class Imported:
    """One series that was written. added: bars that were not there before; noted: what was done about defects."""

    symbol: str
    exchange: str
    timeframe: str
    path: str
    bars: int
    added: int
    first: str
    last: str
    noted: tuple[str, ...]


def import_file(
    path: Path,
    folder: Path,
    exchange: str | None,
    symbol: str | None,
    timeframe: Timeframe | None,
    quote: str | None,
    *,
    sort: bool,
    drop_duplicates: bool,
) -> list[Imported]:
    """Read one file, check every bar, merge it into the store under `folder`; return a row a series.

    What the caller does not state is taken from the file's own path (EXCHANGE/BASE-QUOTE-TIMEFRAME) or, for the
    timeframe, from the stamps. sort, drop_duplicates: repairs that the user asked for; they are counted in the result.
    Raises DataError with file, row and cure, and writes nothing of the file then.
    """
    named = series_of(path, path.absolute().parent.name, sample=False)
    where = exchange or (named.exchange if named is not None else None)
    if where is None:
        raise UsageError(f"`{path}`: from which exchange?", "say `--exchange NAME`")
    columns = _columns(read_table(path), path)
    stamps = _stamps(columns.pop("timestamp"), path)
    symbols = columns.pop("symbol", None)
    numbers = {name: _numbers(column, name, path) for name, column in columns.items()}
    done = []
    for label, rows in _split(symbols, symbol or (named.symbol if named else None), quote, path):
        part = {name: column[rows] for name, column in numbers.items()}
        made = _series(path, label, where, timeframe or (named.timeframe if named else None), stamps[rows], part, rows)
        done.append(_tidy(path, *made, sort=sort, drop_duplicates=drop_duplicates))
    # Everything is checked before anything is written.
    return [_store(path, folder, bars, noted) for bars, noted in done]


def _columns(table: Any, path: Path) -> dict[str, Any]:
    if table.num_rows == 0:
        raise DataError(f"`{path}` holds no rows", "get the file again")
    lower = {name.strip().lower().lstrip("\ufeff"): name for name in table.column_names}
    found: dict[str, Any] = {}
    for wanted, names in _NAMES.items():
        hit = next((lower[name] for name in names if name in lower), None)
        if hit is not None:
            found[wanted] = table.column(hit)
    missing = [name for name in _NAMES if name not in found and name not in ("volume", "symbol")]
    if missing:
        raise DataError(
            f"`{path}` has no column `{missing[0]}`; it has {', '.join(table.column_names[:12])}",
            "the first line must name the columns: timestamp, open, high, low, close, volume",
        )
    if "volume" not in found:
        raise DataError(f"`{path}` has no column `volume`", "add one; zeros will do where nobody counted it")
    return found


def _stamps(column: Any, path: Path) -> Ints:
    """Return ms UTC of whatever the file has: ISO text, dates, datetimes with or without a zone, epoch s / ms / us / ns."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if column.null_count:
        row = column.is_null().to_numpy().argmax()
        raise DataError(f"`{path}`, row {row + 1}: the time is empty", "mend the source and import it again")
    kind = column.type
    try:
        if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
            return np.asarray(column_of(column.cast(pa.timestamp("ms"), safe=False).cast(pa.int64())), np.int64)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            parsed = [_iso_ms(text) for text in column.to_pylist()]
            return np.array(parsed, np.int64)
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            values = np.asarray(column_of(pc.cast(column, pa.float64(), safe=False)))
            whole = np.asarray(column_of(column)) if pa.types.is_integer(kind) else values
            return _epoch(values, whole, path)
    except (ValueError, OverflowError, pa.ArrowException) as error:
        raise DataError(
            f"`{path}`: the times cannot be read: {str(error)[:160]}", "write them as ISO 8601 or epoch numbers"
        ) from error
    raise DataError(f"`{path}`: the time column holds {kind}", "write times as ISO 8601 or epoch numbers")


def _iso_ms(text: str) -> int:
    from datetime import UTC, datetime

    moment = datetime.fromisoformat(text.strip().removesuffix(" UTC"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 + 0.5)


def _epoch(values: Floats, exact: Any, path: Path) -> Ints:
    """Return ms of epoch numbers; `exact` are the same numbers, as integers where the file has integers."""
    for scale in (1, 1_000, 1_000_000, 1_000_000_000):
        inside = (values >= _EPOCH_FIRST_S * scale) & (values <= _EPOCH_LAST_S * scale)
        if inside[0]:
            if not inside.all():
                row = int(np.argmin(inside))
                raise DataError(
                    f"`{path}`, row {row + 1}: time {values[row]:g} is not of the same unit as row 1",
                    "mend the source and import it again",
                )
            moments = exact * (1_000 // scale) if scale <= 1_000 else exact // (scale // 1_000)
            return np.asarray(moments).astype(np.int64)
    raise DataError(
        f"`{path}`, row 1: time {values[0]:g} is no epoch number between 1980 and 2200 in s, ms, us or ns",
        "write times as ISO 8601 or epoch numbers",
    )


def _numbers(column: Any, name: str, path: Path) -> Floats:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values = pc.cast(column, pa.float64())
    except pa.ArrowException as error:
        raise DataError(
            f"`{path}`: column `{name}` holds {column.type}: {str(error)[:120]}", "mend the source and import it again"
        ) from error
    if values.null_count:
        # Only then: it imports pandas.
        values = pc.fill_null(values, float("nan"))
    return np.ascontiguousarray(column_of(values), np.float64)


def _split(symbols: Any, symbol: str | None, quote: str | None, path: Path) -> list[tuple[str, Any]]:
    if symbols is None:
        if symbol is None:
            raise UsageError(f"`{path}`: of which symbol?", "say `--symbol BASE/QUOTE`")
        return [(symbol, slice(None))]
    encoded = symbols.combine_chunks().dictionary_encode()
    codes = np.asarray(encoded.indices.to_numpy(zero_copy_only=False))
    if symbols.null_count:
        raise DataError(f"`{path}`, row {int(np.isnan(codes).argmax()) + 1}: the symbol is empty", "mend the source")
    parts = []
    for i, text in enumerate(encoded.dictionary.to_pylist()):
        label = str(text).strip().replace("-", "/", 1)
        label = f"{label}/{quote}" if quote and "/" not in label else label
        parts.append((label, np.flatnonzero(codes == i)))
    return parts


def _series(
    path: Path,
    symbol: str,
    exchange: str,
    timeframe: Timeframe | None,
    stamps: Ints,
    part: dict[str, Floats],
    rows: Any,
) -> tuple[Bars, Ints]:
    file_rows = np.arange(len(stamps), dtype=np.int64) if isinstance(rows, slice) else rows
    if timeframe is None:
        steps = np.diff(np.unique(stamps))
        if len(steps) == 0:
            raise UsageError(f"`{path}`: one bar does not tell its length", "say `--timeframe 1h`")
        timeframe = Timeframe(
            int(np.bincount(steps // 60_000).argmax()) * 60_000 if steps.max() < 400 * DAY_MS else int(steps.min())
        )
        if timeframe.ms == 0:
            raise UsageError(f"`{path}`: its bars are shorter than a minute", "the shortest timeframe is `1m`")
    return Bars(symbol, exchange, timeframe, stamps, **{name: part[name] for name in COLUMNS}), file_rows  # type: ignore[arg-type]


def _tidy(path: Path, bars: Bars, rows: Ints, *, sort: bool, drop_duplicates: bool) -> tuple[Bars, list[str]]:
    """Do the repairs that were asked for, then refuse what is still wrong, naming the file's own row."""
    noted: list[str] = []
    steps = np.diff(bars.open_ms)
    if sort and len(steps) and steps.min() < 0:
        order = np.argsort(bars.open_ms, kind="stable")
        noted.append(f"{int((steps < 0).sum())} places out of order were sorted")
        bars, rows = _pick(bars, order), rows[order]
    if drop_duplicates:
        keep = np.r_[True, np.diff(bars.open_ms) != 0]
        if not keep.all():
            noted.append(f"{int((~keep).sum())} bars of a time already seen were dropped, the first kept")
            bars, rows = _pick(bars, np.flatnonzero(keep)), rows[keep]
    bad = damaged_rows(bars)
    if bad is not None:
        row, what = bad
        cures = [f"`trader data check {path}` names every defect"]
        if "before that" in what:
            cures.append("`--sort` puts the bars in order")
        if "is that of the row before" in what:
            cures.append("`--drop-duplicates` keeps the first bar of each time")
        cures.append("nothing of the file was imported")
        raise DataError(f"`{path}`, row {int(rows[row]) + 1} ({iso(int(bars.open_ms[row]))}): {what}", *cures)
    off = (bars.open_ms - bars.timeframe.offset_ms) % bars.timeframe.ms != 0
    if off.any() and bars.timeframe.ms <= DAY_MS:
        row = int(off.argmax())
        raise DataError(
            f"`{path}`, row {int(rows[row]) + 1}: {iso(int(bars.open_ms[row]))} is not on the grid of {bars.timeframe}",
            "say the file's own `--timeframe`; stamps are the bar's open, UTC",
        )
    return bars, noted


def _pick(bars: Bars, rows: Any) -> Bars:
    columns = {name: getattr(bars, name)[rows] for name in COLUMNS}
    return Bars(bars.symbol, bars.exchange, bars.timeframe, bars.open_ms[rows], **columns)


def _store(path: Path, folder: Path, bars: Bars, noted: list[str]) -> Imported:
    target = file_of(folder, bars.exchange, bars.symbol, bars.timeframe)
    added = len(bars)
    if target.exists():
        named = series_of(target, bars.exchange, sample=False)
        assert named is not None  # noqa: S101 file_of wrote the name
        bars, added = _merge(load(named), bars, path, target)
    write(bars, target)
    first, last = iso(int(bars.open_ms[0])), iso(int(bars.open_ms[-1]))
    return Imported(
        bars.symbol, bars.exchange, str(bars.timeframe), str(target), len(bars), added, first, last, tuple(noted)
    )


def _merge(old: Bars, new: Bars, path: Path, target: Path) -> tuple[Bars, int]:
    shared, in_old, in_new = np.intersect1d(old.open_ms, new.open_ms, assume_unique=True, return_indices=True)
    differs = np.zeros(len(shared), bool)
    for name in COLUMNS:
        differs |= getattr(old, name)[in_old] != getattr(new, name)[in_new]
    if differs.any():
        moment = iso(int(shared[int(differs.argmax())]))
        raise DataError(
            f"`{path}` contradicts `{target}` in {int(differs.sum())} bars, first at {moment}",
            "move the stored file away if the new one is right; nothing was changed",
        )
    fresh = np.setdiff1d(np.arange(len(new)), in_new, assume_unique=True)
    merged = {name: np.r_[getattr(old, name), getattr(new, name)[fresh]] for name in ("open_ms", *COLUMNS)}
    order = np.argsort(merged["open_ms"], kind="stable")
    return Bars(
        old.symbol, old.exchange, old.timeframe, **{name: column[order] for name, column in merged.items()}
    ), len(fresh)


def read_raw(path: Path, timeframe: Timeframe | None) -> list[Bars]:
    """Return a file's series as they stand, in file order and unchecked, for `check` to judge."""
    named = series_of(path, path.absolute().parent.name, sample=False)
    columns = _columns(read_table(path), path)
    stamps = _stamps(columns.pop("timestamp"), path)
    symbols = columns.pop("symbol", None)
    numbers = {name: _numbers(column, name, path) for name, column in columns.items()}
    found = []
    for label, rows in _split(symbols, named.symbol if named else path.stem, None, path):
        part = {name: column[rows] for name, column in numbers.items()}
        frame = timeframe or (named.timeframe if named else None)
        exchange = named.exchange if named else "unknown"
        found.append(_series(path, label, exchange, frame, stamps[rows], part, rows)[0])
    return found
