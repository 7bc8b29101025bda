"""A result as CSV: every list of rows in it is a table, what stands alone is a table of names and values."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from trader_cli.errors import UsageError, did_you_mean

ALONE = "figures"
_BETWEEN = "; "


def csv_text(result: Mapping[str, Any], wanted: str | None) -> str:
    """Return a plain result's tables as CSV; where there are several, `# NAME` stands before each and a line between.

    wanted: only this table. Raises UsageError for one that there is none of. An undefined figure is an empty cell.
    """
    found = tables(result)
    if wanted is not None:
        if wanted not in found:
            raise UsageError(f"there is no table `{wanted}`", *did_you_mean(wanted, list(found)), _named(found))
        return _written(found[wanted])
    filled = {name: rows for name, rows in found.items() if rows}
    if len(filled) == 1:
        return _written(next(iter(filled.values())))
    return "\n".join(f"# {name}\n{_written(rows)}" for name, rows in filled.items())


def tables(result: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return a plain result's tables by name: `figures` for what stands alone, then each in its order, empty ones too."""
    found: dict[str, list[dict[str, Any]]] = {}
    alone: list[dict[str, Any]] = []
    for name, value in result.items():
        rows = _rows(value)
        if rows is None:
            alone.append({"name": name, "value": _cell(value)})
        else:
            found[name] = rows
    return ({ALONE: alone} if alone else {}) | found


def _rows(value: Any) -> list[dict[str, Any]] | None:
    """Return a value as rows of cells, None for one that stands alone."""
    if isinstance(value, Mapping):
        if value and all(isinstance(one, Mapping) for one in value.values()):
            return [{"name": name, **_flat(one)} for name, one in value.items()]
        return [_flat(value)] if value else []
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None
    if all(isinstance(one, Mapping) for one in value):
        return [_flat(one) for one in value]
    if all(isinstance(one, Sequence) and not isinstance(one, str) for one in value):
        return [{str(i): _cell(cell) for i, cell in enumerate(one, 1)} for one in value]
    return None


def _flat(row: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return a row with the names of what is nested in it joined by dots."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = _cell(value)
    return found


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        if any(isinstance(one, Mapping | list) for one in value):
            return json.dumps(value)
        return _BETWEEN.join(str(_cell(one)) for one in value)
    return value


def _written(rows: Sequence[Mapping[str, Any]]) -> str:
    out = io.StringIO()
    if rows:
        # A row may know what others do not.
        header = list(dict.fromkeys(name for row in rows for name in row))
        writer = csv.DictWriter(out, header, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return out.getvalue()


def _named(found: Mapping[str, Any]) -> str:
    return f"there are {', '.join(f'`{one}`' for one in found)}"
