"""The documentation cannot lag: pages are the program's own, links lead somewhere, requirements carry known ids."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from trader_cli.cli.main import app

ROOT = Path(__file__).resolve().parent.parent.parent


def leaves() -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []

    def walk(command: Any, path: str) -> None:
        subs = getattr(command, "commands", None)
        if subs is None:
            found.append((path, command))
        for name, sub in (subs or {}).items():
            walk(sub, f"{path} {name}")

    walk(typer.main.get_command(app), "trader")
    return found


def test_every_command_and_every_option_has_help() -> None:
    bare = [path for path, command in leaves() if not (command.help or "").strip()]
    for path, command in leaves():
        bare += [f"{path} {one.name}" for one in command.params if not (getattr(one, "help", "") or "").strip()]
    assert bare == []


def test_every_command_takes_the_common_options() -> None:
    wanted = {"json", "home", "preset", "sets", "quiet", "verbose", "no_color"}
    assert [path for path, command in leaves() if not wanted <= {one.name for one in command.params}] == []


def test_every_command_stands_in_the_reference_with_its_json() -> None:
    commands, objects = ((ROOT / "docs" / "reference" / name).read_text("utf-8") for name in ("commands.md", "json.md"))
    paths = [f"## `{path}`\n" for path, _ in leaves()]
    assert len(paths) > 10
    assert [path for path in paths if path not in commands or path not in objects] == []


@pytest.mark.deep  # `.ci/run` asks `docs/generate.py --check` itself
def test_the_reference_pages_and_the_readme_are_what_the_program_says() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "docs" / "generate.py"), "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_in_the_documents_lead_to_files() -> None:
    missing = []
    for page in (
        *ROOT.glob("*.md"),
        *(ROOT / "docs").rglob("*.md"),
        *(ROOT / "data").glob("*.md"),
        *(ROOT / "benchmarks").glob("*.md"),
    ):
        targets = re.findall(r"\]\(([^)#]+)\)", page.read_text("utf-8"))
        near = [target for target in targets if not target.startswith("http")]
        missing += [f"{page.name}: {target}" for target in near if not (page.parent / target).exists()]
    assert missing == []


def test_the_strategy_in_the_readme_is_a_strategy() -> None:
    block = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert block is not None
    scope: dict[str, Any] = {"__name__": "readme"}
    exec(block[1], scope)  # noqa: S102 our own text
    assert scope["DemoMa"](fast=5).params["fast"] == 5


def test_every_data_file_is_named_in_the_data_readme() -> None:
    text = (ROOT / "data" / "README.md").read_text("utf-8")
    for path in (ROOT / "data").rglob("*.parquet"):
        assert path.stem.split("-")[0] in text
        assert path.parent.name in text
