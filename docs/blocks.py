"""What stands in the pages between fences: run it, write it, parse it, or say that nobody does.

A page is followed from top to bottom, as a reader would, in one fresh home beside a local exchange:

    ```sh                                      is run by bash; `<!-- exit: 8 -->` before it states another end than 0
    <!-- output -->, a `text` fence, <!-- end -->        is what the block above it printed
    <!-- output: trader … -->, the same        is run, and is what it printed
    <!-- output: all -->                       the same with what it said on stderr: a question, a warning
    <!-- fault: AddOrder drop -->              the next such request is acted on, and not answered
    <!-- later: 4h -->                         time goes by, for the program and at the exchange
    <!-- file: PATH -->                        before a fence: the page's reader writes this file, relative to the home
    <!-- hidden: COMMAND -->                   is run like a block; what a reader has and a fresh home has not

Other tags are for what is not a command of ours; `strays` names what nobody runs. The README is no page to be followed: its
blocks list what there is, so their commands are parsed (tests) and only its outputs are made.
"""

from __future__ import annotations

import os
import pty
import re
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forked import CLIENT

ROOT = Path(__file__).resolve().parent.parent
FENCE = re.compile(r"^(?P<ticks>`{3,})(?P<tag>[^\n`]*)\n(?P<text>.*?)^(?P=ticks)[ ]*$", re.MULTILINE | re.DOTALL)
PART = re.compile(
    r"<!-- hidden: (?P<hidden>[^\n]+?) -->"
    r"|<!-- later: (?P<hours>\d+)h -->"
    r"|<!-- fault: (?P<path>\w+) (?P<kind>\w+) -->"
    r"|<!-- output(?:: (?P<command>[^\n]+?))? -->\n(?P<old>.*?)<!-- end -->"
    r"|(?:<!-- (?P<word>file|exit): (?P<value>[^\n]+?) -->\n)?"
    r"^(?P<ticks>`{3,})(?P<tag>[^\n`]*)\n(?P<text>.*?)^(?P=ticks)[ ]*$",
    re.MULTILINE | re.DOTALL,
)
RUN = "sh"
QUIET = ("text", "python", "toml", "json", "cron", "ini", "yaml", "bash", "{toctree}")
"""Tags of what is no command of ours. cron and ini (units) are parsed by the tests, bash is the system's own commands."""
COMMAND = re.compile(r"^(?:.*(?:&&|\|\||;|\|) *|\$ |[A-Z_]+=\S+ )*trader +[a-z-]", re.MULTILINE)
# When the pages are read: 2026-11-21T09:01:00Z.
NOW_MS = 1_795_251_660_000
PHRASE = "YES I AM SURE"
_LIMIT_S = 300
_DAY_MS = 86_400_000


@dataclass(frozen=True)
class Fence:
    """One fenced block. line: where it begins, from 1. value: of the comment before it (`word`: file, exit), if any."""

    tag: str
    text: str
    line: int
    word: str = ""
    value: str = ""


def pages() -> list[Path]:
    """Return every page that people wrote: the README and docs/ without the reference."""
    written = [page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent.name != "reference"]
    return [ROOT / "README.md", *written]


def fences(text: str) -> list[Fence]:
    """Return the fenced blocks of a page, output blocks left out."""
    found = []
    for match in PART.finditer(text):
        if match["ticks"]:
            line = text.count("\n", 0, match.start("ticks")) + 1
            found.append(Fence(match["tag"].strip(), match["text"], line, match["word"] or "", match["value"] or ""))
    return found


def strays(text: str) -> list[str]:
    """Name the blocks of a page that hold a command of ours and are run by nobody, and those whose tag nobody knows."""
    found = []
    for one in fences(text):
        if one.tag == RUN:
            continue
        if one.tag not in QUIET:
            found.append(f"line {one.line}: nobody runs or parses a block tagged {one.tag!r}")
        elif one.tag != "cron" and COMMAND.search(one.text):
            found.append(f"line {one.line}: a command stands in a block tagged {one.tag!r}, which nobody runs")
    opened = len(re.findall(r"^ *`{3,}", text, re.MULTILINE))
    if opened != 2 * len(FENCE.findall(text)):
        found.append("a fence is indented or does not end, so that nobody sees it")
    return found


def followed(text: str, *, blocks: bool = True, program: str = "") -> str:
    """Return the page with its outputs made anew; without `blocks` only what stands in a comment is run.

    program: the socket of one that is loaded already (forked.py); without it each `trader` is started anew. Raises RuntimeError
    where a command ends otherwise than the page says.
    """
    parts = list(PART.finditer(text))
    if not any(one["hidden"] or one["command"] or (blocks and (one["tag"] or "").strip() == RUN) for one in parts):
        return text
    with reader(program) as session:
        printed = Printed("", "")

        def made(match: re.Match[str]) -> str:
            nonlocal printed
            if match["hidden"]:
                session.run(match["hidden"])
            elif match["path"]:
                session.faults.append(session.server.fault(path=match["path"], kind=match["kind"], acts=True))
            elif match["hours"]:
                session.wait(int(match["hours"]))
            elif match["old"] is not None:
                command = match["command"] or ""
                comment = f"<!-- output: {command} -->" if command else "<!-- output -->"
                shown = session.run(command).out if command not in ("", "all") else printed.told(command == "all")
                return f"{comment}\n```text\n{shown}```\n<!-- end -->"
            elif match["word"] == "file":
                session.write(match["value"], match["text"])
            elif blocks and match["tag"].strip() == RUN:
                printed = session.run(match["text"], int(match["value"] or 0))
            return match[0]

        whole = PART.sub(made, text)
        session.check()
        return whole


@dataclass(frozen=True)
class Printed:
    """What a block printed. code: its exit code."""

    out: str
    err: str
    code: int = 0

    def told(self, everything: bool) -> str:
        """Return what a page shows: of notes and errors only what is meant to be seen."""
        return self.err + self.out if everything else self.out + (self.err if self.code else "")


@dataclass(frozen=True)
class Reader:
    """Somebody who follows a page: a home, a shell, a terminal to type the phrase on, and an exchange."""

    base: Path
    home: Path
    env: dict[str, str]
    server: Any
    faults: list[Any]

    def check(self) -> None:
        """Raise RuntimeError where the exchange has something to complain of, or a fault of the page met nobody."""
        if complaints := self.server.audit():
            raise RuntimeError(f"the exchange complains: {complaints}")
        if idle := [one.path for one in self.faults if not one.used]:
            raise RuntimeError(f"nobody met the fault of {idle}")

    def wait(self, hours: int) -> None:
        """Let time go by."""
        self.server.do("clock", advance_ms=hours * 3_600_000)
        self.env["PAGE_SHIFT_NS"] = str(int(self.env["PAGE_SHIFT_NS"]) + hours * 3_600_000_000_000)

    def write(self, path: str, text: str) -> None:
        """Write a file of the page."""
        file = self.home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def run(self, script: str, wanted: int = 0) -> Printed:
        """Run a block and return what it printed. Raises RuntimeError where it ends otherwise than it should."""
        ours, theirs = pty.openpty()
        try:
            os.write(ours, f"{PHRASE}\n".encode())
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", script],
                stdin=theirs,
                check=False,
                capture_output=True,
                text=True,
                env=self.env,
                cwd=self.home,
                timeout=_LIMIT_S,
            )
        finally:
            os.close(ours)
            os.close(theirs)
        if done.returncode != wanted:
            raise RuntimeError(f"{script}\nexit code {done.returncode}, not {wanted}\n{done.stdout}{done.stderr}")
        return Printed(self._steady(done.stdout), self._steady(done.stderr), done.returncode)

    def _steady(self, text: str) -> str:
        return steady(text, self.home, self.base, self.server.url)


@contextmanager
def reader(program: str = "") -> Iterator[Reader]:
    """Give a fresh home whose commands meet a local exchange in place of Kraken, Binance, Yahoo and Alpaca."""
    sys.path[:0] = [one for one in (str(ROOT / "tests"),) if one not in sys.path]
    from exchange import KRAKEN_KEY, KRAKEN_SECRET, ExchangeServer
    from listener import Listener
    from venues.alpaca_server import KEY, SECRET, AlpacaServer, Listed
    from venues.yahoo_server import OPENS, Stock, YahooServer

    from trader_cli.compiler import cache_folder

    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory())).resolve()
        money = {"kraken": {"USD": 10_000}, "binance": {"USDT": 10_000}}
        server = stack.enter_context(ExchangeServer(balances=money, now_ms=NOW_MS))
        yahoo = stack.enter_context(YahooServer())
        days = (NOW_MS // _DAY_MS * _DAY_MS + OPENS - n * _DAY_MS for n in range(400, 0, -1))
        yahoo.stocks["AAPL"] = Stock([(day, (200.0, 204.0, 198.0, 202.0, 1e6)) for day in days])
        alpaca = stack.enter_context(AlpacaServer())
        halves = (
            NOW_MS // _DAY_MS * _DAY_MS - n * _DAY_MS + at * 1_800_000 for n in range(60, 0, -1) for at in range(16, 48)
        )
        alpaca.stocks["AAPL"] = Listed({"30Min": [(at, 200.0, 204.0, 198.0, 202.0, 1e5) for at in halves]})
        hook = stack.enter_context(Listener())
        server.do("clock", set_ms=NOW_MS, frozen=False)
        home, tools = base / "trading", base / "bin"
        home.mkdir()
        tools.mkdir()
        (tools / "trader.py").write_text(CLIENT if program else _LAUNCHER, "utf-8")
        python = f"{shlex.quote(sys.executable)} -I -S" if program else shlex.quote(sys.executable)
        for name, line in _TOOLS.items():
            tool = tools / name
            tool.write_text(f"#!/bin/sh\n{line.format(python=python)}\n", "utf-8")
            tool.chmod(0o755)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("TRADER_", "XDG_"))}
        env = {
            **kept,
            "PATH": f"{tools}{os.pathsep}{kept.get('PATH', os.defpath)}",
            "HOME": str(base),
            "XDG_STATE_HOME": str(base / "state"),
            "TRADER_CACHE_DIR": str(cache_folder().parents[1]),
            "TRADER_HOME": str(home),
            "TRADER_API_KEY": KRAKEN_KEY,
            "TRADER_API_SECRET": KRAKEN_SECRET,
            "TRADER_VENUE__API_URL": server.url,
            "TRADER_FETCH__KRAKEN_URL": server.url,
            "TRADER_FETCH__BINANCE_URL": server.url,
            "TRADER_FETCH__YAHOO_URL": yahoo.url,
            "TRADER_FETCH__ALPACA_URL": alpaca.url,
            "APCA_API_KEY_ID": KEY,
            "APCA_API_SECRET_KEY": SECRET,
            "TRADER_ALERT_URLS": f"json://{hook.at}/",
            "PAGE_PROGRAM": program,
            "PAGE_SHIFT_NS": str(NOW_MS * 1_000_000 - time.time_ns()),
            "COLUMNS": "80",
            "NO_COLOR": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(ROOT),
        }
        for key in ("TRADER_INTERPRET",):
            env |= {key: os.environ[key]} if key in os.environ else {}
        yield Reader(base, home, env, server, [])


_LAUNCHER = """\
import os, sys, time

real, shift = time.time_ns, int(os.environ["PAGE_SHIFT_NS"])
time.time_ns = lambda: real() + shift
time.time = lambda: (real() + shift) / 1e9
from trader_cli.__main__ import main

sys.exit(main())
"""
"""A page is read at one moment, whenever that is done: the program and the exchange have their clocks set to it."""

# `pip` and `pytest` do nothing here: what is documented is what is running, and .ci/run runs the README's own line.
_TOOLS = {"trader": 'exec {python} "$0.py" "$@"', "pip": "exit 0", "pytest": "exit 0"}


def steady(text: str, home: Path, base: Path, host: str) -> str:
    """Replace what differs from run to run: ids, the minutes a page takes, seconds, folders, the exchange's address."""
    for pattern, instead in _UNSTEADY:
        text = re.sub(pattern, instead, text, flags=re.MULTILINE)
    text = text.replace(f" at {host}", "").replace(host, "https://api.kraken.com")
    text = text.replace(str(home), "~/trading").replace(str(base), "~").replace(str(ROOT), "…")
    lines = [line.rstrip() for line in text.splitlines()]
    return "".join(f"{line}\n" for line in lines[1 if lines[:1] == [""] else 0 :])


_UNSTEADY = (
    (r"\d{8}T\d{6}-[0-9a-f]{6}", "20261121T090000-c0ffee"),
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "c0ffee00-c0ff-ee00-c0ff-ee00c0ffee00"),
    (r"\b[0-9a-f]{4}-[0-9a-f]{4}\b(?!-)", "c0ff-ee00"),
    (r" · [\d.]+ s \(engine [\d.]+ ms\)", ""),
    (r" · (?:asking [\d.]+ s, )?computing [\d.]+ s", ""),
    # A table of figures as floats is the same to the last bit on one kind of processor only.
    (r" · table [0-9a-f]+", ""),
    (r" · [\d.]+ s$", ""),
    # A page begins a minute after nine, or a whole number of hours later, and is followed in a few minutes.
    (r"(20\d\d-\d\d-\d\d[T ]\d\d):(?:0[1-9]|1\d|2\d)(?::\d\d)?Z", r"\1:01Z"),
    (r", \d+(?:\.\d+)? MB$", ""),
    # The seconds of a fetch.
    (r"(\d\d:\d\d +\d+) +\d+\.\d$", r"\1  0.1"),
    (r"( gaps) +s$", r"\1    s"),
)


def parsed(words: list[str]) -> Any:
    """Return the command that words after `trader` name, its options read. Raises click's error where they mean nothing."""
    import typer

    from trader_cli.cli.main import app

    command: Any = typer.main.get_command(app)
    rest, path = list(words), "trader"
    while rest and rest[0] in getattr(command, "commands", {}):
        command, path = command.commands[rest[0]], f"{path} {rest[0]}"
        rest = rest[1:]
    return command.make_context(path, rest)
