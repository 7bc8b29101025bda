"""A new home on disk."""

from __future__ import annotations

import os
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from trader_cli.config.home import CONFIG_NAME
from trader_cli.config.layers import DEFAULT_PRESET, preset_text
from trader_cli.errors import UsageError


def config_text(preset: str) -> str:
    """Return a `trader.toml` that states its preset and shows every key of it, commented out."""
    lines = [
        f'preset = "{preset}"',
        "",
        "# Every key with the preset's value. Take the # off a section and a key to change it;",
        "# `trader config explain KEY` says which layer won.",
        "",
    ]
    lines += [f"# {line}".rstrip() if line else "" for line in _whole(preset)]
    return "\n".join(lines) + "\n"


def _whole(preset: str) -> list[str]:
    """Return a preset's lines with every key: its base's, replaced where it has a line of its own, then its own tables."""
    own = preset_text(preset).splitlines()
    base = tomllib.loads("\n".join(own)).get("base")
    if base is None:
        return own
    stated = _keyed(own)
    lines = own[: own.index(f'base = "{base}"')]
    for key, line in _keyed_lines(_whole(base)):
        if line.startswith("# ") and not key:
            continue
        lines.append(stated.pop(key, line) if key else line)
    section = ""
    for key, line in stated.items():
        table = key.rpartition(".")[0]
        if table != section:
            lines += ["", f"[{table}]"]
            section = table
        lines.append(line)
    return lines


def _keyed(lines: Sequence[str]) -> dict[str, str]:
    return {key: line for key, line in _keyed_lines(lines) if key and key != "base"}


def _keyed_lines(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (key, line); the key is empty for lines that hold none. Presets write one key a line."""
    section = ""
    for line in lines:
        if line.startswith("["):
            section = line.strip("[]") + "."
        name, equals, _ = line.partition(" = ")
        yield (f"{section}{name}" if equals and not line.startswith(("#", "[")) else ""), line


def make_home(home: Path, preset: str | None) -> list[Path]:
    """Make `trader.toml`, `strategies/` and `data/` in a folder; return what was made.

    Raises UsageError when the folder is a home already. The configuration comes last and whole, so that a folder is a home
    only when everything else is there.
    """
    path = home / CONFIG_NAME
    if path.exists():
        raise UsageError(f"`{path}` is there already", "edit it, or name another folder: `trader init DIR`")
    text = config_text(preset or DEFAULT_PRESET)
    made = []
    for folder in (home / "strategies", home / "data"):
        if not folder.is_dir():
            folder.mkdir(parents=True)
            made.append(folder)
    handle, name = tempfile.mkstemp(prefix=f".{CONFIG_NAME}.", dir=home)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    finally:
        Path(name).unlink(missing_ok=True)
    return [*made, path]
