"""`trader.toml` as keys and values, each with the line it stands on."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from datetime import date, time
from pathlib import Path
from typing import Any

from trader_cli.config.settings import OPEN
from trader_cli.errors import UsageError


def read_file(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """Return (tree, line by key) of a configuration file; both are empty where there is none.

    Raises UsageError for a file that cannot be read or is no TOML.
    """
    try:
        # Some editors put a byte order mark in front, which TOML does not know.
        text = path.read_text("utf-8-sig")
        return tomllib.loads(text), _lines(text)
    except FileNotFoundError:
        return {}, {}
    except (ValueError, RecursionError) as error:
        # Beside bad TOML and bad UTF-8: a number of thousands of digits, brackets in thousands of brackets.
        raise UsageError(f"`{path}` is not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror}") from error


def flat(tree: Mapping[str, Any], sections: Mapping[str, object]) -> dict[str, Any]:
    """Return a tree as `section.key` → value; what is no table where one belongs keeps its own name, to be refused."""
    found: dict[str, Any] = {}
    for section, inner in tree.items():
        if not isinstance(inner, dict) or (section not in sections and not inner):
            found[section] = inner
        elif section in OPEN:
            for name, values in inner.items():
                rows = values if isinstance(values, dict) else {"": values}
                found.update({f"{section}.{name}.{key}".rstrip("."): value for key, value in rows.items()})
        else:
            found.update({f"{section}.{key}": value for key, value in inner.items()})
    return {key: value.isoformat() if isinstance(value, date | time) else value for key, value in found.items()}


def _lines(text: str) -> dict[str, int]:
    """Find where each key stands, good enough for a message: tables and `key = value`, one a line."""
    found: dict[str, int] = {}
    section = ""
    for number, line in enumerate(text.splitlines(), 1):
        if table := re.match(r"\s*\[+([^\[\]]+)\]", line):
            section = _plain(table[1])
            found.setdefault(section, number)
        elif key := re.match(r"""\s*([\w"'./ -]+?)\s*=""", line):
            name = _plain(key[1])
            found.setdefault(f"{section}.{name}" if section else name, number)
    return found


def _plain(key: str) -> str:
    return re.sub(r"""["']|\s*(\.)\s*""", r"\1", key.strip())
