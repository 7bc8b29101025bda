"""The nonce only rises: over clocks set back, over processes, over damaged files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from trader_cli.errors import VenueError
from trader_cli.venues.nonce import Nonce


def test_it_is_the_clock_and_rises_within_one_millisecond() -> None:
    nonce = Nonce(None, lambda: 1_000)
    assert [nonce.next() for _ in range(3)] == [1_000, 1_001, 1_002]


def test_a_clock_set_back_does_not_lower_it(tmp_path: Path) -> None:
    """E12."""
    times = iter([5_000, 1_000, 6_000])
    nonce = Nonce(tmp_path / "nonce", lambda: next(times))
    assert [nonce.next() for _ in range(3)] == [5_000, 5_001, 6_000]


def test_another_object_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    assert Nonce(tmp_path / "a" / "nonce", lambda: 9_000).next() == 9_000
    assert Nonce(tmp_path / "a" / "nonce", lambda: 10).next() == 9_001


def test_processes_at_once_never_get_the_same_number(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from trader_cli.venues.nonce import Nonce;"
        f"nonce = Nonce(Path({str(tmp_path / 'nonce')!r}), lambda: 1000); print(*[nonce.next() for _ in range(50)])"
    )
    running = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) for _ in range(3)]
    given = [[int(word) for word in process.communicate(timeout=60)[0].split()] for process in running]
    assert all(one == sorted(one) for one in given)
    assert sorted(number for numbers in given for number in numbers) == list(range(1_000, 1_150))


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x00\x00", b"-5"])
def test_a_damaged_file_says_nothing_and_is_mended(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "nonce"
    path.write_bytes(content)
    nonce = Nonce(path, lambda: 7_000)
    assert [nonce.next(), nonce.next()] == [7_000, 7_001]
    assert Nonce(path, lambda: 0).next() == 7_002


def test_a_nonce_that_cannot_be_kept_is_not_given_out(tmp_path: Path) -> None:
    """E5: nothing is signed without it."""
    (tmp_path / "file").write_text("")
    with pytest.raises(VenueError) as caught:
        Nonce(tmp_path / "file" / "nonce", lambda: 1).next()
    assert caught.value.pattern == "nonce_unkept"
