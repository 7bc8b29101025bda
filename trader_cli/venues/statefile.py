"""A small JSON file that several processes share: locked while it is changed, replaced whole, set aside when damaged."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the file's lock; it ends with the process that holds it, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def read(path: Path) -> tuple[dict[str, Any], bool]:
    """Return (what the file holds, whether it was damaged). A missing file is empty, a damaged one is moved beside."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return {}, False
    except (OSError, UnicodeDecodeError):
        text = ""
    try:
        stored = json.loads(text)
    except (ValueError, RecursionError):
        stored = None
    if isinstance(stored, dict):
        return stored, False
    set_aside(path)
    return {}, True


def set_aside(path: Path) -> None:
    """Move a damaged file out of the way, for whoever wants to know what happened to it."""
    with contextlib.suppress(OSError):
        path.replace(path.with_name(f"{path.name}.damaged"))


def write(path: Path, value: dict[str, Any], *, lasting: bool) -> None:
    """Replace the file as a whole. lasting: it must outlive a power cut, so the disk is waited for."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, separators=(",", ":"))
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
