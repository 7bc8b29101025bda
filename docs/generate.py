"""Write docs/reference/ from the program itself, and the README's output blocks from its own commands.

python docs/generate.py            # write
python docs/generate.py --check    # exit 1 when something is stale
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import typer

from trader_cli import errors
from trader_cli.cli.main import app
from trader_cli.config.layers import load_settings, preset_names
from trader_cli.config.settings import InstrumentSteps, keys

ROOT = Path(__file__).resolve().parent.parent
HEAD = "<!-- Made by docs/generate.py; edit the program, not this page. -->\n\n"


def commands() -> str:
    """Return every command with its options, from the parser."""
    root = typer.main.get_command(app)
    lines = [HEAD + "# Commands\n"]

    def walk(command: Any, path: list[str]) -> None:
        subs = getattr(command, "commands", None)
        named = [one for one in command.params if one.name not in ("install_completion", "show_completion")]
        if path and (subs is None or any(one.name == "one" for one in named)):
            lines.append(f"## `trader {' '.join(path)}`\n\n{(command.help or '').strip()}\n")
            lines.extend(_option(one) for one in named)
            lines.append("")
        for name, sub in (subs or {}).items():
            walk(sub, [*path, name])

    walk(root, [])
    return "\n".join(lines).rstrip() + "\n"


def _option(parameter: Any) -> str:
    names = (
        ", ".join(f"`{one}`" for one in parameter.opts)
        if parameter.opts[0].startswith("-")
        else f"`{parameter.name.upper()}`"
    )
    return f"- {names}: {(getattr(parameter, 'help', '') or '').strip()}"


def exit_codes() -> str:
    """Return the table of exit codes, from the error classes."""
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.TraderError)]
    lines = [HEAD + "# Exit codes\n", "| code | `error.code` | meaning |", "| --- | --- | --- |", "| 0 | | done |"]
    lines.append("| 1 | `fault` | a fault of the program: the traceback is in the log |")
    children = [one for one in classes if one is not errors.TraderError]
    children.sort(key=lambda cls: cls.exit_code)
    lines += [f"| {one.exit_code} | `{one.code}` | {(one.__doc__ or '').strip()} |" for one in children]
    lines.append("| 130 | | interrupted by Ctrl-C or SIGTERM |")
    return "\n".join(lines) + "\n"


def configuration() -> str:
    """Return every key with its meaning and its value in each preset."""
    presets = {name: load_settings(name, Path("/nowhere"), {}, {}) for name in preset_names()}
    lines = [HEAD + "# Configuration\n", f"| key | meaning | {' | '.join(f'`{name}`' for name in presets)} |"]
    lines.append("| --- | --- |" + " --- |" * len(presets))
    for key, meaning in keys().items():
        values = " | ".join(f"`{loaded.explain(key)[-1].value}`" for loaded in presets.values())
        lines.append(f"| `{key}` | {meaning} | {values} |")
    lines.append('\nSteps of an instrument, `[instruments."BTC/USD"]`:\n')
    lines.extend(f"- `{name}`: {field.description}" for name, field in InstrumentSteps.model_fields.items())
    return "\n".join(lines) + "\n"


def readme(text: str) -> str:
    """Return the README with the output under each `<!-- output: COMMAND -->` made by that command, times left out."""
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "TRADER_HOME": home, "COLUMNS": "80", "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8"}

        def made(match: re.Match[str]) -> str:
            arguments = match[1].split()[1:]
            done = subprocess.run(
                [sys.executable, "-m", "trader_cli", *arguments], env=env, capture_output=True, text=True, check=True
            )
            return f"<!-- output: {match[1]} -->\n```text\n{_steady(done.stdout, home)}```\n<!-- end -->"

        return re.sub(r"<!-- output: (.+?) -->\n.*?<!-- end -->", made, text, flags=re.DOTALL)


def _steady(text: str, home: str) -> str:
    """Replace what differs from run to run: ids, times of day, seconds, folders."""
    text = re.sub(r"\d{8}T\d{6}-[0-9a-f]{6}", "20261121T090000-c0ffee", text)
    text = re.sub(r" · [\d.]+ s \(engine [\d.]+ ms\)", "", text)
    text = text.replace(home, "~/trading").replace(str(ROOT), "…")
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def main() -> int:
    """Write the pages, or with --check say which are stale."""
    pages = {
        ROOT / "docs" / "reference" / "commands.md": commands(),
        ROOT / "docs" / "reference" / "exit-codes.md": exit_codes(),
        ROOT / "docs" / "reference" / "configuration.md": configuration(),
        ROOT / "README.md": readme((ROOT / "README.md").read_text("utf-8")),
    }
    stale = [path for path, text in pages.items() if not path.exists() or path.read_text("utf-8") != text]
    if "--check" in sys.argv:
        for path in stale:
            print(f"stale: {path.relative_to(ROOT)}; run `python docs/generate.py`")
        return 1 if stale else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pages[path], "utf-8")
        print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
