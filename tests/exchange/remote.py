"""An exchange in a process of its own, for tests that kill their clients or start many."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Remote:
    """The control of a server elsewhere: the operations of control.py, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def do(self, op: str, /, **values: Any) -> Any:
        """Do one operation and return what it says."""
        request = urllib.request.Request(f"{self.url}/control/{op}", json.dumps(values).encode(), method="POST")  # noqa: S310
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                return json.loads(answer.read())["result"]
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["error"]) from None

    def fault(self, **values: Any) -> None:
        """Add a rule to the fault script."""
        self.do("rule", **values)

    def audit(self) -> list[str]:
        """Return what does not add up."""
        found: list[str] = self.do("audit")
        return found

    def accepted(self, venue: str = "") -> dict[str, list[str]]:
        """Return the ids of accepted orders by client id."""
        found: dict[str, list[str]] = self.do("accepted", venue=venue)
        return found

    def requests(self, path: str = "", venue: str = "") -> list[dict[str, Any]]:
        """Return the journal's requests whose path ends like that."""
        rows = self.do("journal")
        return [r for r in rows if r["what"] == "request" and r["path"].endswith(path) and venue in ("", r["venue"])]


@contextmanager
def running(*arguments: str) -> Iterator[Remote]:
    """Run `python -m exchange` with these arguments and yield its control."""
    command = [sys.executable, "-m", "exchange", "--port", "0", *arguments]
    with subprocess.Popen(command, cwd=Path(__file__).parent.parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Remote(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.terminate()
