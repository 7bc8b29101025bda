"""The lease of an account: one run at a time. It is a lock of the system's, so it ends with its process, however that ends."""

# Paths are text in here: a run that finds its lease taken is gone before `pathlib` could be imported.
# ruff: noqa: PTH100, PTH103, PTH118

from __future__ import annotations

import os

from trader_cli.errors import LeaseError


class Lease:
    """A held lease; given back by `release`, or by the end of the process."""

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def release(self) -> None:
        """Give it back."""
        os.close(self._handle)


_ahead: dict[str, Lease] = {}


def take_ahead(folder: str, name: str) -> None:
    """Take a lease for whoever asks for it first in this process. Raises LeaseError where another process holds it."""
    _ahead[_file(folder, name)] = take_lease(folder, name)


def take_lease(folder: str | os.PathLike[str], name: str) -> Lease:
    """Take the lease `name`, whose file lies in `folder`, or raise LeaseError at once where another process holds it.

    The file itself says nothing: one that a crash or a reboot left behind is free.
    """
    import fcntl

    path = _file(folder, name)
    if path in _ahead:
        return _ahead.pop(path)
    os.makedirs(folder, exist_ok=True)
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


def _file(folder: str | os.PathLike[str], name: str) -> str:
    return os.path.abspath(os.path.join(folder, f"{name}.lock"))
