"""The lease of an account: one run at a time. It is a lock of the system's, so it ends with its process, however that ends."""

from __future__ import annotations

import os
from pathlib import Path

from trader_cli.errors import LeaseError


class Lease:
    """A held lease; given back by `release`, or by the end of the process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        """Give it back."""
        os.close(self._handle)


_ahead: dict[Path, Lease] = {}


def take_ahead(folder: Path, name: str) -> None:
    """Take a lease for whoever asks for it later in this process. Raises LeaseError where another process holds it."""
    _ahead[folder / f"{name}.lock"] = take_lease(folder, name)


def take_lease(folder: Path, name: str) -> Lease:
    """Take the lease `name`, whose file lies in `folder`, or raise LeaseError at once where another process holds it.

    The file itself says nothing: one that a crash or a reboot left behind is free.
    """
    import fcntl

    path = folder / f"{name}.lock"
    if path in _ahead:
        return _ahead.pop(path)
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(handle)
        raise LeaseError(
            f"another run holds the lease `{path}`", "it acts for this account; the next one will find its work done"
        ) from error
    os.ftruncate(handle, 0)
    os.write(handle, f"{os.getpid()}\n".encode())
    return Lease(handle)
