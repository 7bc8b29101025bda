"""No command stands in the pages that nobody runs: `docs/generate.py` follows them, and what is no command is parsed here."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import blocks  # noqa: E402 the pages' own module lies beside them

PAGES = blocks.pages()
TRADER = "/opt/trader/bin/trader"


def tagged(tag: str) -> list[tuple[str, blocks.Fence]]:
    return [
        (f"{page.relative_to(ROOT)}:{one.line}", one)
        for page in PAGES
        for one in blocks.fences(page.read_text("utf-8"))
        if one.tag == tag
    ]


def refused(words: list[str]) -> str:
    """Say what the parser has against a command; empty = nothing."""
    try:
        blocks.parsed(words)
    except Exception as error:  # click's own, of several kinds
        return f"trader {shlex.join(words)}: {getattr(error, 'message', error)}"
    return ""


def commands(text: str) -> list[list[str]]:
    """The words after each `trader` of some shell lines."""
    found = []
    for line in text.splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        current: list[str] | None = None
        for word in [*lexer, ";"]:
            if re.fullmatch(r"[;&|<>]+", word):
                if current is not None:
                    found.append(current)
                current = None
            elif current is not None:
                current.append(word)
            elif Path(word).name == "trader":
                current = []
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_block_of_a_page_is_run_or_parsed_by_somebody(page: Path) -> None:
    assert blocks.strays(page.read_text("utf-8")) == []


@pytest.mark.parametrize(
    "text",
    [
        "```\ntrader report\n```\n",
        "```bash\ntrader report\n```\n",
        "```text\n$ trader report\n```\n",
        "```bash\ncd x && TRADER_HOME=y trader report --json\n```\n",
        "```shell\nls\n```\n",
        "- point\n\n  ```sh\n  trader report\n  ```\n",
        "```sh\ntrader report\n",
    ],
)
def test_a_block_that_nobody_would_run_is_named(text: str) -> None:
    assert len(blocks.strays(text)) == 1


def test_a_block_that_ends_otherwise_than_its_page_says_fails_the_page() -> None:
    with pytest.raises(RuntimeError, match="exit code 3, not 0"):
        blocks.followed("```sh\nexit 3\n```\n")
    with pytest.raises(RuntimeError, match="exit code 0, not 8"):
        blocks.followed("<!-- exit: 8 -->\n```sh\ntrue\n```\n")


def test_a_page_is_followed_from_top_to_bottom_in_one_home() -> None:
    page = (
        "<!-- file: note.toml -->\n```toml\na = 1\n```\n\n"
        "```sh\ncat note.toml; echo unseen >&2; pwd\n```\n<!-- output -->\nold\n<!-- end -->\n"
    )
    whole = blocks.followed(page)
    assert whole.endswith("<!-- output -->\n```text\na = 1\n~/trading\n```\n<!-- end -->\n")
    assert blocks.followed(whole) == whole


def test_what_differs_from_run_to_run_is_written_alike() -> None:
    text = "at http://h:1 run 20260102T030405-a1b2c3 · digest ab · 1.25 s (engine 3.4 ms)\nnow 2026-11-21T09:07:59Z  \n"
    told = blocks.steady(text, Path("/h"), Path("/b"), "http://h:1")
    assert told == "run 20261121T090000-c0ffee · digest ab\nnow 2026-11-21T09:01Z\n".replace(
        "run", "at https://api.kraken.com run", 1
    )


def test_every_command_of_the_readme_is_one_of_the_program() -> None:
    found = [
        words
        for one in blocks.fences((ROOT / "README.md").read_text("utf-8"))
        if one.tag == "sh"
        for words in commands(one.text)
    ]
    assert len(found) > 20
    assert [said for words in found if (said := refused(words))] == []


def test_every_line_of_a_cron_table_has_five_fields_and_a_command_of_the_program() -> None:
    field = re.compile(r"(\*|\d+(-\d+)?)(/\d+)?(,(\*|\d+(-\d+)?)(/\d+)?)*")
    lines = [
        (where, line)
        for where, one in tagged("cron")
        for line in one.text.splitlines()
        if line and not line.startswith("#")
    ]
    assert len(lines) > 4
    for where, line in lines:
        *when, command = line.split(maxsplit=5)
        assert len(when) == 5, where
        for text, (low, high) in zip(when, ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7)), strict=True):
            assert field.fullmatch(text), f"{where}: {text}"
            assert all(low <= int(number) <= high for number in re.findall(r"(?<!/)\b\d+", text)), f"{where}: {text}"
        assert "%" not in command, f"{where}: cron ends a command at a percent sign"
        assert (found := commands(command)), where
        assert [said for words in found if (said := refused(words))] == []


def units() -> dict[str, str]:
    """The units of the pages by file name, those without a name by their line."""
    found = {}
    for where, one in tagged("ini"):
        if "[Unit]" in one.text:
            found[Path(one.value).name or f"page-{where.rpartition(':')[2]}.service"] = one.text
    return found


def test_units_have_the_keys_of_their_kind_and_start_commands_of_the_program() -> None:
    assert len(units()) >= 5
    for name, text in units().items():
        unit = ConfigParser(interpolation=None, strict=False)
        unit.optionxform = str  # type: ignore[assignment,method-assign]
        unit.read_string(text)
        assert unit.sections()[0] == "Unit", name
        assert unit["Unit"]["Description"], name
        if name.endswith(".timer"):
            assert name.replace(".timer", ".service") in units()
            assert unit["Timer"]["OnCalendar"]
        else:
            program, *words = shlex.split(unit["Service"]["ExecStart"])
            assert program == TRADER, name
            assert refused(words) == ""


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_systemd_itself_accepts_the_units_and_their_times(tmp_path: Path) -> None:
    program = tmp_path / "trader"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name, text in units().items():
        (tmp_path / name).write_text(text.replace(TRADER, str(program)))
    files = [str(tmp_path / name) for name in units()]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if any(name in line for name in units())]
    assert ours == [], done.stderr
    for text in units().values():
        for time in re.findall(r"^OnCalendar=(.+)$", text, re.MULTILINE):
            subprocess.run(["systemd-analyze", "calendar", time], capture_output=True, check=True, timeout=60)


def test_what_is_no_command_of_ours_is_sound_in_its_own_language() -> None:
    for where, one in tagged("toml"):
        assert tomllib.loads(one.text), where
    for where, one in tagged("bash"):
        done = subprocess.run(["bash", "-n"], input=one.text, capture_output=True, text=True)
        assert done.returncode == 0, f"{where}: {done.stderr}"
    for where, one in tagged("python"):
        compile(one.text, where, "exec")
    for where, one in tagged("ini"):
        if "[Unit]" not in one.text:
            assert all(re.match(r"[A-Z_]+=\S", line) for line in one.text.splitlines()), where
