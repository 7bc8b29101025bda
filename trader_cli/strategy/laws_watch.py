"""See what a strategy reaches for beside its bars: files, the network, other processes, the clock, the environment.

While it runs, Python's own audit events and calls are looked at; what the machinery of imports, time zones and the compiler
opens is not the author's. Nothing is forbidden: whoever asks decides what it means.
"""

from __future__ import annotations

import ast
import random
import sys
import sysconfig
import threading
import zoneinfo
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

import numpy as np

from trader_cli.strategy.laws_finding import Touch

T = TypeVar("T")
_PACKAGE = str(Path(__file__).resolve().parents[1])
_INSTALLED = tuple(sorted({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}))
# Who opens files on its own account, whatever the strategy does.
_MACHINERY = (
    "<frozen importlib",
    "<frozen zipimport",
    "/importlib/",
    "/zoneinfo/",
    "/pytz/",
    "/dateutil/",
    "/tzdata/",
    "/numba/",
    "/llvmlite/",
    "/linecache.py",
    "/tokenize.py",
    "/warnings.py",
)
_AUDITED = {
    "open": "file",
    "os.listdir": "file",
    "os.scandir": "file",
    "os.remove": "file",
    "os.rename": "file",
    "os.mkdir": "file",
    "glob.glob": "file",
    "pathlib.Path.glob": "file",
    "sqlite3.connect": "file",
    "mmap.__new__": "file",
    "socket.connect": "network",
    "socket.bind": "network",
    "socket.getaddrinfo": "network",
    "socket.gethostbyname": "network",
    "socket.sendto": "network",
    "urllib.Request": "network",
    "http.client.connect": "network",
    "subprocess.Popen": "process",
    "os.system": "process",
    "os.posix_spawn": "process",
    "os.fork": "process",
    "os.exec": "process",
    "os.spawn": "process",
}
_BUILT_IN: dict[tuple[str | None, str], str] = {
    **{("time", name + ending): "clock" for name in ("time", "monotonic", "perf_counter") for ending in ("", "_ns")},
    **{("time", name): "clock" for name in ("localtime", "gmtime", "ctime", "clock_gettime")},
    **{(None, name): "clock" for name in ("datetime.now", "datetime.utcnow", "datetime.today", "date.today")},
    **{(room, name): "file" for room in ("posix", "nt") for name in ("stat", "lstat", "access")},
    **{(room, "urandom"): "random" for room in ("posix", "nt")},
    ("builtins", "hash"): "random",
    **{("gc", name): "memory" for name in ("get_objects", "get_referrers", "get_referents")},
}
# Libraries that read files or ask others in code of their own, which raises no event; a word of the path, of the function.
_CALLED: tuple[tuple[str, str, str], ...] = (
    ("/pandas/io/", "read_", "file"),
    ("/pyarrow/", "read_", "file"),
    ("/pyarrow/parquet/", "__init__", "file"),
    ("/pyarrow/dataset", "dataset", "file"),
    ("/polars/io/", "read_", "file"),
    ("/polars/io/", "scan_", "file"),
    ("/h5py/", "__init__", "file"),
    (f"{_PACKAGE}/market/", "", "file"),
    (f"{_PACKAGE}/ledger/", "", "file"),
    (f"{_PACKAGE}/wiring", "", "file"),
    (f"{_PACKAGE}/config/", "", "file"),
    (f"{_PACKAGE}/venues/", "", "network"),
    ("/requests/", "request", "network"),
    ("/httpx/", "request", "network"),
    ("/urllib3/", "urlopen", "network"),
    ("/ccxt/", "fetch", "network"),
)
_ENVIRONMENT = ("<frozen os>", "/os.py", "<frozen _collections_abc>", "/_collections_abc.py")
_OWN = {f"`{name}`" for room, name in _BUILT_IN if room in ("time", "builtins")}
_NAMELESS = {f"`{name}`" for room, name in _BUILT_IN if room in ("posix", "nt")}
_CLOCKS = {"now", "utcnow", "today"}
_CLOCK_OWNERS = {"Timestamp", "datetime", "date", "Period"}
_CLOCK_READERS = {"datetime64", "to_datetime", "Timestamp"}
_here = threading.local()


def watched(call: Callable[[], T]) -> tuple[T, list[Touch]]:
    """Run it in this thread and return its result and what it reached for, each once, in order."""
    _install()
    seen: dict[Touch, None] = {}
    before = (random.getstate(), np.random.get_state(legacy=False))
    former = sys.getprofile()
    _here.seen = seen
    try:
        sys.setprofile(_profile)
        result = _boundary(call)
    finally:
        sys.setprofile(former)
        _here.seen = None
    if random.getstate() != before[0]:
        seen[Touch("random", "the module `random`", "its state has moved")] = None
    if repr(np.random.get_state(legacy=False)) != repr(before[1]):
        seen[Touch("random", "`numpy.random`", "its state has moved")] = None
    return result, list(seen)


def clocks_in(tree: ast.Module, path: str) -> list[Touch]:
    """Return the readings of a clock that stand in the source and that no event tells of, such as `pd.Timestamp.now()`."""
    return [
        Touch("clock", f"`{ast.unparse(node)}`", f"{path}, line {node.lineno}")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and _reads_clock(node)
    ]


def _reads_clock(node: ast.Call) -> bool:
    called = node.func
    if isinstance(called, ast.Attribute) and called.attr in _CLOCKS and _last_name(called.value) in _CLOCK_OWNERS:
        return True
    words = {one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return bool(words & _CLOCKS) and _last_name(called) in _CLOCK_READERS


def _last_name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@cache
def _install() -> None:
    # A hook cannot be taken away again; outside of `watched` it returns at once.
    sys.addaudithook(_audit)


def _boundary(call: Callable[[], T]) -> T:
    return call()


def _audit(event: str, args: tuple[Any, ...]) -> None:
    kind = _AUDITED.get(event)
    if kind is None or getattr(_here, "seen", None) is None:
        return
    what = next((one for one in args if isinstance(one, str | bytes | tuple | list)), "")
    if event == "open" and (not isinstance(args[0], str | bytes) or _is_zone(str(args[0]))):
        return
    _note(kind, _worded(what) or event, sys._getframe(1))


def _profile(frame: FrameType, event: str, arg: Any) -> None:
    if event == "c_call":
        name = getattr(arg, "__qualname__", "")
        kind = _BUILT_IN.get((getattr(arg, "__module__", None), name))
        if kind is not None:
            _note(kind, f"`{name}`", frame)
    elif event == "call":
        code = frame.f_code
        kind = _call_kind(code.co_filename, code.co_name)
        if kind is not None:
            values = [frame.f_locals.get(name) for name in code.co_varnames[: code.co_argcount]]
            if kind == "environment":
                values = values[-1:]
            what = next((str(one) for one in values if isinstance(one, str | Path)), "")
            _note(kind, f"`{what}`" if what else f"by `{code.co_name}`", frame)


@cache
def _call_kind(path: str, name: str) -> str | None:
    if (path == "<frozen os>" or path.endswith("/os.py")) and name in ("__getitem__", "getenv", "__iter__"):
        return "environment"
    for part, word, kind in _CALLED:
        if part in path and name.startswith(word):
            return kind
    return None


def _note(kind: str, what: str, frame: FrameType) -> None:
    seen, _here.seen = _here.seen, None
    try:
        where = _author(frame, direct=kind == "environment" or what in _OWN)
        if where:
            same = [one for one in seen if one.kind == kind and one.where == where]
            # The same deed is told of once, by the first that knows its name.
            if all(one.what in _NAMELESS for one in same):
                for one in same:
                    del seen[one]
                seen[Touch(kind, what, where)] = None
    finally:
        _here.seen = seen


def _author(frame: FrameType | None, *, direct: bool) -> str:
    """Return file and line of the author's code that led here, empty where it was machinery or nobody's.

    direct: a library that does it on its own account, as to measure how long it takes, is nobody.
    """
    while frame is not None and frame.f_code is not _boundary.__code__:
        path = frame.f_code.co_filename
        role = _role(path)
        if role == "machinery" or (direct and role == "library" and not path.endswith(_ENVIRONMENT)):
            return ""
        if role == "author":
            return f"{path}, line {frame.f_lineno}"
        frame = frame.f_back
    return ""


@cache
def _role(path: str) -> str:
    if any(part in path for part in _MACHINERY) and (path.startswith(("<", *_INSTALLED))):
        return "machinery"
    if path.startswith("<") or path.startswith(_INSTALLED):
        return "library"
    if path.startswith(_PACKAGE) and "/builtin/strategies/" not in path:
        return "library"
    return "author"


def _is_zone(path: str) -> bool:
    # In shared memory lie files like any others; what else is there are devices.
    return path.startswith((*zoneinfo.TZPATH, "/dev/")) and not path.startswith("/dev/shm/")  # noqa: S108


def _worded(what: object) -> str:
    if isinstance(what, bytes):
        return f"`{what.decode(errors='replace')}`"
    if isinstance(what, str):
        return f"`{what}`"
    if isinstance(what, tuple | list) and what:
        return f"`{':'.join(str(one) for one in _plain(what))}`"
    return ""


def _plain(values: tuple[object, ...] | list[object]) -> Iterator[object]:
    yield from (one for one in values if isinstance(one, str | int))
