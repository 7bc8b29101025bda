"""Four layers become one configuration, and every value knows which layer it came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from trader_cli.config.file import flat, read_file
from trader_cli.config.home import CONFIG_NAME
from trader_cli.config.judge import judge
from trader_cli.config.secrets import NAMES_OF_VARIABLES, is_secret_name, where_secrets_go
from trader_cli.config.settings import OPEN, Settings, keys, open_key, unquoted
from trader_cli.config.value import COMMAND_LINE, Problem, Value, at
from trader_cli.config.variable import PREFIX, key_of, states_key
from trader_cli.errors import UsageError, did_you_mean

DEFAULT_PRESET = "paper-500"
# Variables of that prefix that are not configuration keys.
_NOT_KEYS = {
    "TRADER_HOME",
    "TRADER_PRESET",
    "TRADER_CACHE_DIR",
    "TRADER_INTERPRET",
    "TRADER_API_KEY",
    "TRADER_API_SECRET",
    "TRADER_ALERT_URLS",
    "TRADER_SHARED_DATA",
}


@dataclass(frozen=True)
class Stated:
    """What every layer says, not judged yet. layers: per key, every value stated, weakest first; the last one wins."""

    preset: str
    layers: Mapping[str, Sequence[Value]]
    presets: Sequence[Value]
    problems: Sequence[Problem]

    def explain(self, key: str) -> Sequence[Value]:
        """Return every layer's value of a key, weakest first; empty for a step that nobody stated.

        Raises UsageError for an unknown key.
        """
        key = unquoted(key)
        if key == "preset":
            return self.presets
        if key not in self.layers and not _known(key):
            below = [f"`{one}`" for one in self.layers if one.startswith(f"{key}.")]
            hints = (f"under it stand {', '.join(below)}",) if below else _near(key, ())
            raise UsageError(f"`{key}` is not a configuration key", *hints)
        return self.layers.get(key, ())


@dataclass(frozen=True)
class Loaded(Stated):
    """The resolved configuration: what the layers say, and what that comes to."""

    settings: Settings


def preset_folder() -> Traversable:
    """Return the folder of the presets, one file each."""
    return resources.files("trader_cli.config") / "presets"


@cache
def preset_names() -> tuple[str, ...]:
    """Return the presets' names, sorted."""
    names = (entry.name for entry in preset_folder().iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in names if name.endswith(".toml")))


def preset_text(name: str) -> str:
    """Return a preset's TOML with its comments. Raises UsageError for an unknown one."""
    if name not in preset_names():
        raise UsageError(
            f"there is no preset `{name}`",
            *did_you_mean(name, preset_names()),
            _preset_hint(),
        )
    return (preset_folder() / f"{name}.toml").read_text("utf-8")


@cache
def preset_values(name: str) -> Mapping[str, tuple[Any, str]]:
    """Return a preset's values, `section.key` → (value, preset that states it): its own over those of its base."""
    tree = tomllib.loads(preset_text(name))
    base = tree.pop("base", None)
    own = flat(tree, Settings.model_fields)
    return {**(preset_values(base) if base else {}), **{key: (value, name) for key, value in own.items()}}


def _preset_hint() -> str:
    return f"the presets are {', '.join(f'`{one}`' for one in preset_names())}"


def load_settings(preset: str | None, home: Path, env: Mapping[str, str], flags: Mapping[str, Any]) -> Loaded:
    """Return the configuration of a run; every problem of every layer is reported in one UsageError.

    flags: `section.key` → value, from options and `--set`. The preset is the flag's, else
    TRADER_PRESET, else the file's, else the default.
    """
    found = stated(preset, home, env, flags)
    return Loaded(found.preset, found.layers, found.presets, found.problems, judge(found.layers, found.problems))


def stated(preset: str | None, home: Path, env: Mapping[str, str], flags: Mapping[str, Any]) -> Stated:
    """Return what every layer says. Raises UsageError only where the file is no TOML or the preset is unknown."""
    path = home / CONFIG_NAME
    file, lines = read_file(path)
    presets = [Value(DEFAULT_PRESET, "default", "the program")]
    if "preset" in file:
        presets.append(Value(file.pop("preset"), "file", _place(path, lines.get("preset"))))
    if env.get("TRADER_PRESET"):
        presets.append(Value(env["TRADER_PRESET"], "environment", "environment `TRADER_PRESET`"))
    if preset:
        presets.append(Value(preset, "flag", COMMAND_LINE))
    chosen = presets[-1].value
    if not isinstance(chosen, str):
        raise UsageError(f"`preset` in {presets[-1].where} is {chosen!r}, it must be a name", _preset_hint())
    if chosen not in preset_names() and presets[-1].layer != "flag":
        message = f"there is no preset `{chosen}`, {at(presets[-1].where)}"
        raise UsageError(message, *did_you_mean(chosen, preset_names()), _preset_hint())
    problems: list[Problem] = []
    layers: dict[str, list[Value]] = {}

    def add(key: str, value: Any, layer: str, where: str) -> None:
        if _known(key):
            layers.setdefault(key, []).append(Value(value, layer, where))
        else:
            problems.append(_unknown(key, layer, where))

    for key, (value, name) in preset_values(chosen).items():
        add(key, value, "preset", f"preset `{chosen}`" + (f", based on `{name}`" if name != chosen else ""))
    for key, value in flat(file, Settings.model_fields).items():
        add(key, value, "file", _place(path, lines.get(key)))
    flags = {unquoted(key): value for key, value in flags.items()}
    not_keys = _NOT_KEYS | _named(layers, env, flags)
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in not_keys:
            where = f"environment `{name}`"
            meant = key_of(name.removeprefix(PREFIX), (*layers, *flags))
            if isinstance(meant, Problem):
                problems.append(meant)
            else:
                add(meant, env[name], "environment", where)
    for key, value in flags.items():
        add(key, value, "flag", COMMAND_LINE)
    return Stated(chosen, layers, presets, problems)


def _named(layers: Mapping[str, Sequence[Value]], env: Mapping[str, str], flags: Mapping[str, Any]) -> set[str]:
    """Return the variables that any layer names for key, secret and addresses: their values are nobody's settings."""
    found: set[str] = set()
    for key in NAMES_OF_VARIABLES:
        own = env.get(PREFIX + key.upper().replace(".", "__"))
        stated = [*(one.value for one in layers.get(key, ())), own, flags.get(key)]
        found.update(text for text in stated if isinstance(text, str))
    # A name that states a setting keeps its meaning; that it is named here is refused later.
    return {name for name in found if not states_key(name)}


def _place(path: Path, line: int | None) -> str:
    return f"`{path}`" + (f" line {line}" if line else "")


def _unknown(key: str, layer: str, where: str) -> Problem:
    if key in Settings.model_fields or (key.partition(".")[0] in OPEN and key.count(".") == 1):
        model = OPEN.get(key.partition(".")[0])
        last = key.rpartition(".")[2]
        if model is not None and last in model.model_fields:
            hint = f"say of which: `{key.removesuffix(last)}NAME.{last}`"
        else:
            hint = f"write its keys under `[{key}]`"
        return Problem(f"`{key}` {at(where)} is a table, not a value", (hint,))
    if key == "preset":
        return Problem(f"`preset` is no key {at(where)}", ("name it with `--preset NAME`",))
    if is_secret_name(key):
        message = f"`{key}` {at(where)} looks like a secret, which no setting may hold"
        gone = {"file": "take it out of the file", "flag": "take it off the command line"}.get(layer)
        if key.startswith("fetch."):
            named = "`fetch.alpaca_key_env` and `fetch.alpaca_secret_env` name the variables that hold Alpaca's"
            return Problem(message, (*((gone,) if gone else ()), named))
        named = "`venue.key_env` and `venue.secret_env` may name other variables"
        return Problem(message, (*((gone,) if gone else ()), *where_secrets_go(), named))
    near = _near(key, ("preset", *Settings.model_fields) if layer == "file" else ())
    return Problem(f"unknown key `{key}` {at(where)}" + (f", {near[0]}" if near else ""), ())


def _near(key: str, more: Sequence[str]) -> tuple[str, ...]:
    known = [*keys(), *more]
    head, dot, rest = key.partition(".")
    if dot and head not in Settings.model_fields:
        # Of an open-ended table the names are not known, only its own: it alone is compared.
        known += [f"{table}.{rest}" for table in OPEN if did_you_mean(head, [table])]
    parts = open_key(key)
    model = OPEN[parts[0]] if parts else None
    if model is not None:
        known += [f"{key.rpartition('.')[0]}.{name}" for name in model.model_fields]
    return did_you_mean(key, known)


def _known(key: str) -> bool:
    if (parts := open_key(key)) is None:
        return key in keys()
    model = OPEN[parts[0]]
    return model is None or parts[2] in model.model_fields
