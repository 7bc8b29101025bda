"""The program's own way in, in this process: what a shell would start, without the imports of a new process each time."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from trader_cli.cli.main import run


@dataclass(frozen=True)
class Said:
    """What one call said."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """What `--json` gives."""
        return dict(json.loads(self.out)["result"])

    @property
    def series(self) -> list[dict[str, Any]]:
        """What `data fetch`, `list` and `check` give with `--json`."""
        return list(self.result["series"])

    @property
    def message(self) -> str:
        """What `--json` says was wrong."""
        return str(json.loads(self.out)["error"]["message"])


def called(capfd: pytest.CaptureFixture[str], *words: str) -> Said:
    """Return what a call says, whatever was said before it left out."""
    capfd.readouterr()
    code = run(list(words))
    return Said(code, *capfd.readouterr())
