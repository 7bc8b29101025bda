"""Whether a configuration can be meant: types, bounds, and what only reading a value shows. All problems at once."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from trader_cli.config.moment import time_ms
from trader_cli.config.settings import Settings
from trader_cli.errors import UsageError
from trader_cli.model.timeframe import Timeframe

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


def judge(layers: Mapping[str, Sequence[Value]], known: Sequence[Problem]) -> Settings:
    """Return the settings that the layers come to, or raise one UsageError with every problem, those known before first."""
    problems = list(known)
    settings: Settings | None = None
    try:
        settings = Settings.model_validate(_tree(layers))
    except ValidationError as error:
        problems += [_invalid(one, layers) for one in error.errors()]
    problems += _meaningless(layers)
    if problems or settings is None:
        first, *rest = problems
        hints = [hint for problem in problems for hint in problem.hints]
        raise UsageError(
            first.message,
            *(f"also: {problem.message}" for problem in rest),
            *dict.fromkeys(hints),
            "`trader config explain KEY` shows where a value comes from",
        )
    return settings


def _tree(layers: Mapping[str, Sequence[Value]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, values in layers.items():
        value = values[-1].value
        if isinstance(value, float):
            value = str(value)
        if key == "data.symbols" and isinstance(value, str):
            value = [one.strip() for one in value.split(",") if one.strip()]
        if key.startswith("instruments."):
            symbol, _, name = key.removeprefix("instruments.").rpartition(".")
            tree.setdefault("instruments", {}).setdefault(symbol, {})[name] = value
        else:
            section, _, name = key.partition(".")
            tree.setdefault(section, {})[name] = value
    return tree


def _invalid(error: Any, layers: Mapping[str, Sequence[Value]]) -> Problem:
    """Return what pydantic says of one value in our words, with the value and its place."""
    parts = [str(part) for part in error["loc"]]
    says = error["msg"].removeprefix("Value error, ")
    said = f"{says[:1].lower()}{says[1:]}"
    # Of an element of a list, the list is what was stated.
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key in layers:
            last = layers[key][-1]
            value = last.value if isinstance(last.value, str) and last.value else shown(last.value)
            return Problem(f"`{key}` is `{value}` {at(last.where)}: {said}", ())
    return Problem(f"`{'.'.join(parts)}`: {said}", ())


def _meaningless(layers: Mapping[str, Sequence[Value]]) -> list[Problem]:
    """Return which texts are texts, and still cannot be meant."""
    problems: list[Problem] = []

    def read(key: str, parse: Callable[[str], Any]) -> Any:
        stated = layers[key][-1]
        if not isinstance(stated.value, str) or not stated.value:
            return None
        try:
            return parse(stated.value)
        except UsageError as error:
            message = error.message if key in error.message else f"`{key}`: {error.message}"
            problems.append(Problem(f"{message}, {at(stated.where)}", error.hints))
            return None

    read("data.timeframe", Timeframe.parse)
    read("ledger.url", _database)
    since = read("data.since", lambda text: time_ms(text, "data.since"))
    until = read("data.until", lambda text: time_ms(text, "data.until"))
    if since is not None and until is not None and since >= until:
        first, last = (layers[key][-1].value for key in ("data.since", "data.until"))
        problems.append(Problem(f"`data.since` {first} is not before `data.until` {last}", ()))
    return problems


def _database(url: str) -> None:
    # A password would be printed by `config show` and kept with every run.
    if url != masked(url):
        raise UsageError(
            "`ledger.url` holds a password", "leave it to the database's own means, e.g. `PGPASSWORD` or `~/.pgpass`"
        )
    if re.match(r"[a-z][a-z0-9_+]*://", url) is None:
        raise UsageError(f"`ledger.url` is `{url}`, that is no database URL", "write e.g. `sqlite:///trader.db`")


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
