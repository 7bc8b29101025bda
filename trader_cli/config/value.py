"""One stated value with its place, one problem with its cure, and how both are written."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

COMMAND_LINE = "the command line"


@dataclass(frozen=True)
class Value:
    """One value with the layer (`preset`, `file`, `environment`, `flag`) and the place it came from."""

    value: Any
    layer: str
    where: str


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the configuration, and what to do about it beside mending the value."""

    message: str
    hints: tuple[str, ...]


def at(where: str) -> str:
    """Return a place with its preposition."""
    return f"on {where}" if where == COMMAND_LINE else f"in {where}"


def masked(text: str) -> str:
    """Return a URL without the password in it; any other text as it is."""
    return re.sub(r"^([^/]*://[^/@:]*):[^@]*@", r"\1:***@", text)


def shown(value: object) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(shown(one) for one in value) + "]"
    if isinstance(value, int | float):
        return str(value)
    # JSON's escapes are TOML's, which wants one more.
    return json.dumps(str(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def shown_key(name: str) -> str:
    """Return one part of a key as TOML writes it: in quotes where it holds more than a bare key may."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else shown(name)
