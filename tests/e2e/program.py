"""The program as a user starts it: a process, its arguments, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Done:
    """A finished call."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> dict[str, Any]:
        """The one JSON object on stdout."""
        lines = self.out.splitlines()
        assert len(lines) == 1, self.out
        return json.loads(lines[0])


# What an interpreter or a library reads while it loads: a command that differs in one of them is started afresh.
_READ_EARLY = (
    "PYTHON",
    "TRADER_INTERPRET",
    "TRADER_CACHE_DIR",
    "NUMBA",
    "LANG",
    "LC_",
    "LD_",
    "MALLOC",
    "XDG_CACHE_HOME",
)
_USUAL = {**os.environ, "PYTHONWARNINGS": "error"}


# The program writes this one itself, into the environment of whoever imports it: these tests too.
_OWN = "NUMBA_CACHE_DIR"


def _early(env: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in env.items() if name.startswith(_READ_EARLY) and name != _OWN}


class Ready:
    """A process that is loaded already and forks into the program (see ready.py)."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("ready.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=_USUAL,
        )

    def run(self, arguments: tuple[str, ...], env: dict[str, str], cwd: Path) -> Done:
        """Run one command to its end."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        with self._turn, tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            wanted = {"arguments": arguments, "env": env, "cwd": str(cwd), "out": str(out), "err": str(err)}
            asked.write(json.dumps(wanted) + "\n")
            asked.flush()
            code = int(answers.readline())
            return Done(code, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


@cache
def ready() -> Ready:
    """Return this worker's one."""
    return Ready()


def trader(*arguments: str, home: Path | None = None, cwd: Path | None = None, fresh: bool = False, **env: str) -> Done:
    """Run `trader` with these arguments in a process of its own. fresh: one that loads everything itself, as a user's does."""
    whole = {**os.environ, "PYTHONWARNINGS": "error", **env}
    if home is not None:
        whole["TRADER_HOME"] = str(home)
    if not fresh and _early(whole) == _early(_USUAL):
        return ready().run(arguments, whole, cwd or Path.cwd())
    done = subprocess.run(
        [sys.executable, "-m", "trader_cli", *arguments],
        capture_output=True,
        text=True,
        env=whole,
        cwd=cwd,
        timeout=240,
    )
    return Done(done.returncode, done.stdout, done.stderr)
