"""A small search, on a cluster and on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from clusters import cluster

_WORDS = ("optimize", "demo_ma", "--symbols", "BTC/USD", "--param", "fast=5:25:5", "--param", "slow=20:60:5", "--json")


def search_there_and_here(kind: str, home: Path) -> None:
    """Assert that a cluster's table is this machine's, and that nothing of it is said on stderr."""
    with cluster(kind) as (address, access):
        # What the libraries of a cluster warn of among themselves is not ours to mend.
        there = _result(home, "--engine", kind, "--address", address, PYTHONWARNINGS="ignore", **access)
    here = _result(home, "--fresh", PYTHONWARNINGS="error")
    assert (there["engine"], there["workers"]) == (kind, 2)
    assert there["table_digest"] == here["table_digest"]
    assert there["best"] == here["best"]
    # Another engine is no other search.
    again = _result(home, "--engine", kind, PYTHONWARNINGS="error")
    assert again["ran"] == 0


def _result(home: Path, *options: str, **env: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "trader_cli", *_WORDS, *options],
        capture_output=True,
        text=True,
        env={**os.environ, "TRADER_HOME": str(home), **env},
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, done.stderr
    result: dict[str, Any] = json.loads(done.stdout)["result"]
    return result
