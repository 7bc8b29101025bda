"""What a search's replays give back stays with the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

from trader_cli.jobs.memory import keep_memory

_PROGRAM = """
import resource
import numpy as np
from trader_cli.jobs.memory import keep_memory
assert keep_memory()
def fill():
    # Two at a time, as a replay has its wishes and its equity.
    for _ in range(50):
        one, other = np.zeros(100_000), np.zeros(150_000)
        one[:] = 1.0
        other[:] = 2.0
        del one, other
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's way of giving memory back")
def test_arrays_of_one_replay_are_the_pages_of_the_next() -> None:
    if not keep_memory():
        pytest.skip("this C library has no mallopt")
    done = subprocess.run([sys.executable, "-c", _PROGRAM], check=True, capture_output=True, text=True)
    # 50 times two arrays of 2 MB in all are 25,000 pages of 4 KiB; asked for once, they come for nothing.
    assert int(done.stdout) < 1_000


def test_where_there_is_no_glibc_nothing_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert keep_memory() is False
