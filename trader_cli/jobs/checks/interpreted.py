"""The other end of law 4: a process in which the compiler is off replays a lab and tells its fills."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np

from trader_cli.jobs.lab import Lab
from trader_cli.model.bars import Ints
from trader_cli.model.fills import Fills

# Both are read when the compiler is imported, so they are set before anything else is.
_PROGRAM = (
    "import os, pickle, sys; os.environ['TRADER_INTERPRET'] = '1'; os.environ['NUMBA_DISABLE_JIT'] = '1'; "
    "sys.path[:] = pickle.load(sys.stdin.buffer); "
    "from trader_cli.jobs.checks.interpreted import answer; answer()"
)


def fills_interpreted(lab: Lab, seconds: float) -> Ints:
    """Return the fills of a replay in another process without the compiler, as `rows_of` lays them out.

    seconds: how long it may take. Raises ValueError with what it said where it failed, and for a strategy that cannot be
    sent to another process.
    """
    try:
        question = pickle.dumps(sys.path) + pickle.dumps(lab)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(f"it cannot be sent to another process: {error}") from error
    try:
        done = subprocess.run(
            [sys.executable, "-c", _PROGRAM], input=question, capture_output=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ValueError(f"it took longer than {seconds:g} s") from error
    if done.returncode != 0:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        raise ValueError(last[-1] if last else f"it ended with {done.returncode}")
    rows: Ints = pickle.loads(done.stdout)  # noqa: S301 written by our own process a moment ago
    return rows


def answer() -> None:
    """Read a lab from the standard input, replay it and write its fills; whatever a strategy prints goes nowhere."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    lab: Any = pickle.load(sys.stdin.buffer)  # noqa: S301 sent by our own process
    with out:
        out.write(pickle.dumps(rows_of(lab.run().fills)))


def first_unlike(once: Ints, other: Ints) -> Ints:
    """Return the first row, shape (6,), in which two runs that are not the same differ: of the longer where one goes on."""
    count = min(len(once), len(other))
    unlike = np.flatnonzero((once[:count] != other[:count]).any(axis=1))
    row = int(unlike[0]) if len(unlike) else count
    found: Ints = once[row] if row < len(once) else other[row]
    return found


def rows_of(fills: Fills) -> Ints:
    """Return what a digest is made of, one row a fill: time_ms, symbol, side, quantity, price, fee; int64 (n, 6)."""
    return np.column_stack((fills.time_ms, fills.symbol, fills.side, fills.quantity, fills.price, fills.fee))
