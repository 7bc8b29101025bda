"""The home as the machine sees it: whose eyes its files are open to, whether they can be written, who holds a lease."""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from trader_cli.errors import DataError, UsageError
from trader_cli.jobs.doctor import Check, failed, fine, warned

_MEGABYTE = 1_000_000
_LOG_BYTES = 64 * 1024 * 1024
"""What the ledger's own log may grow to while one large run is written: below this much free space a write can fail."""


@dataclass(frozen=True)
class LeaseFile:
    """A lease's file. holder: the process that wrote itself into it, 0 = none; held: it is taken right now."""

    path: Path
    holder: int
    held: bool


def check_files(paths: Iterable[Path]) -> Iterator[Check]:
    """Look at the files that should not be open to every user of this machine."""
    if os.name != "posix":
        return
    there = [path for path in paths if path.is_file()]
    bare = [path for path in there if stat.S_IMODE(path.stat().st_mode) & stat.S_IROTH]
    for path in bare:
        told = f"every user of this machine can read `{path.name}`"
        yield warned("file permissions", path.name, told, f"`chmod 600 {path}`")
    if there and not bare:
        yield fine("file permissions", len(there), f"{', '.join(path.name for path in there)}: not open to everybody")


def check_home(home: Path, ledger_bytes: int) -> Iterator[Check]:
    """Look at whether the home can be written to, and whether a run and a backup have room."""
    if not home.is_dir():
        yield fine("home", str(home), f"there is no home at `{home}` yet: `trader init` makes one")
        return
    try:
        with tempfile.TemporaryFile(dir=home):
            pass
    except OSError as error:
        told = f"`{home}` cannot be written to: {error.strerror}"
        yield failed("home", str(home), told, DataError, "choose a folder you may write to: `--home DIR`")
    else:
        yield fine("home", str(home), f"`{home}` can be written to")
    free = shutil.disk_usage(home).free
    number, told = f"{free // _MEGABYTE} MB", f"{free / _MEGABYTE:,.0f} MB are free on the home's disk"
    cure = "free some space: a full disk stops every run before it sends anything"
    if free < _LOG_BYTES:
        yield failed("disk", number, told, DataError, cure)
    elif free < 2 * ledger_bytes + _LOG_BYTES:
        yield warned("disk", number, f"{told}, too little for a backup of the ledger and its proof", cure)
    else:
        yield fine("disk", number, told)


def leases(folder: Path) -> list[LeaseFile]:
    """Return the leases of a home by name; asking takes none for longer than a moment, and makes no file."""
    found = []
    for path in sorted(folder.glob("*.lock")):
        handle = _try(path)
        if handle is not None:
            os.close(handle)
        found.append(LeaseFile(path, _holder(path), handle is None))
    return found


def check_leases(found: Sequence[LeaseFile]) -> Iterator[Check]:
    """Look at the leases: one that is held is a run at work; a file that a dead run left behind keeps nobody out."""
    held = [one for one in found if one.held]
    left = [one for one in found if not one.held and one.holder]
    for one in held:
        by = f" by process {one.holder}" if one.holder else ""
        yield fine("leases", one.path.stem, f"`{one.path.stem}` is held{by}: a run is at work")
    if left:
        names = ", ".join(one.path.stem for one in left)
        yield fine("leases", len(left), f"free, with the mark of an earlier run in the file: {names}")
    if not held and not left:
        yield fine("leases", 0, "no lease is held")


def clear_lease(one: LeaseFile) -> bool:
    """Take the mark of an earlier run out of a lease's file; False where it is held by now.

    The file stays: a run that opened it a moment ago would else hold a lock on a file that nobody can see.
    """
    handle = _try(one.path)
    if handle is None:
        return False
    try:
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)
    return True


def damaged(paths: Iterable[Path]) -> list[Path]:
    """Return the files that hold no JSON object; they are copies of what a venue says, and can be made anew."""
    return [path for path in paths if path.is_file() and not _is_object(path)]


def check_copies(paths: Sequence[Path]) -> Iterator[Check]:
    """Look at the cached market rules and the counters of requests."""
    for path in (broken := damaged(paths)):
        told = f"`{path}` is damaged"
        yield warned("cached files", path.name, told, "`trader doctor --repair` sets it aside; it is made anew")
    if not broken:
        yield fine("cached files", sum(path.is_file() for path in paths), "market rules and budgets can be read")


def set_aside(path: Path) -> Path:
    """Move a damaged file beside itself, for whoever wants to know what happened; return where it is now."""
    target = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(target)
    except OSError as error:
        raise UsageError(f"`{path}` cannot be moved: {error.strerror}", f"take it away by hand: `rm {path}`") from error
    return target


def _is_object(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_text("utf-8")), dict)
    except (OSError, ValueError, RecursionError):
        return False


def _try(path: Path) -> int | None:
    """Return a handle that holds the file's lock, None where another process does."""
    import fcntl

    try:
        handle = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def _holder(path: Path) -> int:
    try:
        text = path.read_text("ascii").strip()
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdecimal() else 0
