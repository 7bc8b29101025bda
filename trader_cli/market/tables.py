"""Tables for other programs: CSV, Parquet or JSON by the file's ending, written atomically."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from trader_cli.errors import UsageError
from trader_cli.market.files import replacing

_ENDINGS = (".csv", ".parquet", ".json")


def writable(path: Path) -> None:
    """Raise UsageError unless the file's ending is known and its folder is there, before any work is done for it."""
    if path.suffix not in _ENDINGS:
        raise UsageError(f"`{path}` ends in `{path.suffix}`", f"choose one of {', '.join(_ENDINGS)}")
    if not path.absolute().parent.is_dir():
        raise UsageError(f"there is no folder `{path.absolute().parent}`", "make it first, or choose another file")


def write_rows(columns: Mapping[str, Any], path: Path) -> None:
    """Write columns of equal length as a table; JSON is a list of rows.

    Decimals are written in CSV to the last digit, elsewhere as the nearest number.
    """
    import pyarrow as pa

    plain = {name: _numbers(column, exact=path.suffix == ".csv") for name, column in columns.items()}
    table = pa.table({name: pa.array(column) for name, column in plain.items()})
    with replacing(path) as temporary:
        if path.suffix == ".json":
            temporary.write_text(json.dumps(table.to_pylist(), indent=1) + "\n", "utf-8")
        elif path.suffix == ".csv":
            import pyarrow.csv as pc

            pc.write_csv(table, temporary)
        else:
            import pyarrow.parquet as pq

            pq.write_table(table, temporary)


def _numbers(column: Any, *, exact: bool) -> Any:
    if exact or len(column) == 0 or not isinstance(column[0], Decimal):
        return column
    return [float(one) for one in column]


def write_batches(batches: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write columns that come a batch of rows at a time, so that no more than one is in memory; JSON is a list of rows.

    The first batch decides the columns' types.
    """
    import pyarrow as pa

    schema = None
    with replacing(path) as temporary, _writer(temporary, path.suffix) as write:
        for batch in batches:
            table = pa.table({name: pa.array(column) for name, column in batch.items()}, schema=schema)
            schema = table.schema
            write(table)


@contextmanager
def _writer(path: Path, kind: str) -> Iterator[Any]:
    """Give a function that writes a table after those before it."""
    opened: list[Any] = []
    if kind == ".json":
        with path.open("w", encoding="utf-8") as file:
            file.write("[")

            def rows(table: Any) -> None:
                for row in table.to_pylist():
                    plain = {name: _finite(value) for name, value in row.items()}
                    file.write((",\n " if opened else "\n ") + json.dumps(plain))
                    opened.append(True)

            yield rows
            file.write("\n]\n")
        return

    def write(table: Any) -> None:
        if not opened:
            if kind == ".csv":
                import pyarrow.csv as pc

                opened.append(pc.CSVWriter(path, table.schema))
            else:
                import pyarrow.parquet as pq

                opened.append(pq.ParquetWriter(path, table.schema))
        opened[0].write_table(table)

    try:
        yield write
    finally:
        for one in opened:
            one.close()


def _finite(value: Any) -> Any:
    # JSON knows no NaN and no infinity.
    return None if isinstance(value, float) and not math.isfinite(value) else value
