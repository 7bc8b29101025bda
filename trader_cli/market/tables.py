"""Tables for other programs: CSV, Parquet or JSON by the file's ending, written atomically."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    """Write columns of equal length as a table; JSON is a list of rows."""
    import pyarrow as pa

    table = pa.table({name: pa.array(column) for name, column in columns.items()})
    with replacing(path) as temporary:
        if path.suffix == ".json":
            temporary.write_text(json.dumps(table.to_pylist(), indent=1) + "\n", "utf-8")
        elif path.suffix == ".csv":
            import pyarrow.csv as pc

            pc.write_csv(table, temporary)
        else:
            import pyarrow.parquet as pq

            pq.write_table(table, temporary)
