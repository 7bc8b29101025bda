"""The program as a user starts it: a process, its arguments, its exit code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
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


def trader(*arguments: str, home: Path | None = None, cwd: Path | None = None, **env: str) -> Done:
    """Run `trader` with these arguments."""
    whole = {**os.environ, "PYTHONWARNINGS": "error", **env}
    if home is not None:
        whole["TRADER_HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, "-m", "trader_cli", *arguments],
        capture_output=True,
        text=True,
        env=whole,
        cwd=cwd,
        timeout=240,
    )
    return Done(done.returncode, done.stdout, done.stderr)
