"""A number for signed requests that only ever rises, for all processes that share a key."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from trader_cli.errors import VenueError


class Nonce:
    """Milliseconds of the clock, or one more than the last given out, whichever is later: a clock set back changes nothing.

    path: where the last one is kept, one file for a key; None keeps it in this object only.
    """

    def __init__(self, path: Path | None, clock: Callable[[], int]) -> None:
        self._path = path
        self._clock = clock
        self._last = 0

    def next(self) -> int:
        """Return the next number. Raises VenueError where it cannot be kept: then nothing may be signed."""
        if self._path is None:
            self._last = max(self._clock(), self._last + 1)
            return self._last
        try:
            return self._next_kept(self._path)
        except OSError as error:
            raise VenueError(
                f"the last nonce cannot be kept in {self._path}: {error.strerror or type(error).__name__}",
                "make the directory writable, or free some space",
                pattern="nonce_unkept",
            ) from None

    def _next_kept(self, path: Path) -> int:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            kept = os.read(handle, 32).strip()
            # A file that was cut short by a crash says nothing; the clock has moved on since.
            last = max(self._last, int(kept) if kept.isdigit() else 0)
            self._last = max(self._clock(), last + 1)
            os.pwrite(handle, b"%020d" % self._last, 0)
            return self._last
        finally:
            os.close(handle)
