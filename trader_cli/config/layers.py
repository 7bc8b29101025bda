"""Four layers become one configuration, and every value knows which layer it came from."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trader_cli.config.home import CONFIG_NAME
from trader_cli.config.settings import InstrumentSteps, Settings, keys
from trader_cli.errors import UsageError, did_you_mean

DEFAULT_PRESET = "paper-500"
PREFIX = "TRADER_"
# Variables of that prefix that are not configuration keys.
_NOT_KEYS = {
    "TRADER_HOME",
    "TRADER_PRESET",
    "TRADER_CACHE_DIR",
    "TRADER_INTERPRET",
    "TRADER_API_KEY",
    "TRADER_API_SECRET",
    "TRADER_SHARED_DATA",
}


@dataclass(frozen=True)
class Value:
    """One value with the layer (`preset`, `file`, `environment`, `flag`) and the place it came from."""

    value: Any
    layer: str
    where: str


@dataclass(frozen=True)
class Loaded:
    """The resolved configuration. layers: per key, every value stated, weakest first; the last one won."""

    preset: str
    settings: Settings
    layers: Mapping[str, Sequence[Value]]

    def explain(self, key: str) -> Sequence[Value]:
        """Return every layer's value of a key, weakest first. Raises UsageError for an unknown key."""
        if key not in self.layers:
            raise UsageError(f"`{key}` is not a configuration key", *did_you_mean(key, self.layers))
        return self.layers[key]


@cache
def preset_names() -> tuple[str, ...]:
    """Return the presets' names, sorted."""
    folder = resources.files("trader_cli.config") / "presets"
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml")))


def preset_text(name: str) -> str:
    """Return a preset's TOML with its comments. Raises UsageError for an unknown one."""
    if name not in preset_names():
        raise UsageError(
            f"there is no preset `{name}`",
            *did_you_mean(name, preset_names()),
            f"the presets are {', '.join(f'`{one}`' for one in preset_names())}",
        )
    return (resources.files("trader_cli.config") / "presets" / f"{name}.toml").read_text("utf-8")


def load_settings(preset: str | None, home: Path, env: Mapping[str, str], flags: Mapping[str, Any]) -> Loaded:
    """Return the configuration of a run; every problem of every layer is reported in one UsageError.

    flags: `section.key` → value, from options and `--set`. The preset is the flag's, else the file's, else
    TRADER_PRESET, else the default.
    """
    file, path = _file(home)
    chosen = preset or file.pop("preset", None) or env.get("TRADER_PRESET") or DEFAULT_PRESET
    file.pop("preset", None)
    if not isinstance(chosen, str):
        raise UsageError(f"`preset` in `{path}` is {chosen!r}, it must be a name", *did_you_mean("", preset_names()))
    problems: list[str] = []
    layers: dict[str, list[Value]] = {}

    def add(found: Mapping[str, Any], layer: str, where: str) -> None:
        for key, value in found.items():
            if not _known(key):
                near = did_you_mean(key, keys())
                problems.append(f"unknown key `{key}` in {where}" + (f", {near[0]}" if near else ""))
                continue
            layers.setdefault(key, []).append(Value(value, layer, where))

    add(_flat(tomllib.loads(preset_text(chosen))), "preset", f"preset `{chosen}`")
    add(_flat(file), "file", f"`{path}`")
    for name in sorted(env):
        if name.startswith(PREFIX) and name not in _NOT_KEYS:
            key = name.removeprefix(PREFIX).lower().replace("__", ".", 1)
            add({key: env[name]}, "environment", f"environment `{name}`")
    add(flags, "flag", "the command line")
    settings = _validated(layers, problems)
    return Loaded(chosen, settings, layers)


def _file(home: Path) -> tuple[dict[str, Any], Path]:
    path = home / CONFIG_NAME
    try:
        return tomllib.loads(path.read_text("utf-8")), path
    except FileNotFoundError:
        return {}, path
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"`{path}` is not valid TOML: {error}") from error
    except OSError as error:
        raise UsageError(f"`{path}` cannot be read: {error.strerror}") from error


def _flat(tree: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for section, inner in tree.items():
        if not isinstance(inner, dict):
            flat[section] = inner
        elif section == "instruments":
            for symbol, steps in inner.items():
                rows = steps.items() if isinstance(steps, dict) else [("", steps)]
                flat.update({f"instruments.{symbol}.{name}": value for name, value in rows})
        else:
            flat.update({f"{section}.{name}": value for name, value in inner.items()})
    return flat


def _known(key: str) -> bool:
    if key.startswith("instruments."):
        return key.rpartition(".")[2] in InstrumentSteps.model_fields and key.count(".") >= 2
    return key in keys()


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


def _validated(layers: Mapping[str, Sequence[Value]], problems: list[str]) -> Settings:
    try:
        settings = Settings.model_validate(_tree(layers))
    except ValidationError as error:
        for one in error.errors():
            key = ".".join(str(part) for part in one["loc"])
            stated = layers.get(key) or next((values for name, values in layers.items() if key.startswith(name)), None)
            where = f" in {stated[-1].where}" if stated else ""
            value = f" is {stated[-1].value!r}" if stated else ""
            problems.append(f"`{key}`{value}{where}: {one['msg'][:1].lower()}{one['msg'][1:]}")
        settings = None
    if problems or settings is None:
        first, *rest = problems
        raise UsageError(
            first, *(f"also: {one}" for one in rest), "`trader config explain KEY` shows where a value comes from"
        )
    return settings
