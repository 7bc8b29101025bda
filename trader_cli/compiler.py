"""One way to compile: numba with our flags, cached in the user's cache folder.

numba's file cache watches only the file of the compiled function, not of the functions it calls in other files. The
cache folder's name is therefore a digest of every compiled source of this package with the versions of numba, numpy and
Python: an upgrade can never meet a stale kernel, and a read-only installation compiles all the same.

`TRADER_INTERPRET=1` turns the compiler off: the same functions then run as plain Python (law 4).
"""

from __future__ import annotations

import gc
import hashlib
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from platformdirs import user_cache_path

F = TypeVar("F", bound=Callable[..., Any])

INTERPRET = os.environ.get("TRADER_INTERPRET", "") not in ("", "0")
# Rooms whose functions or constants are compiled; every source file in them is part of the cache key.
_COMPILED_ROOMS = ("compiler.py", "money.py", "model", "engine", "risk", "strategy", "stats")
_STALE_SECONDS = 30 * 86_400
_TRIED_NUMBA = ("0.68.",)
"""Versions whose inner functions are left unfinished; any other compiles them its own way, which takes longer."""


@lru_cache(maxsize=1)
def source_digest() -> str:
    """Return the SHA-256 (hex) of every source file that can take part in a compiled kernel."""
    root = Path(__file__).parent
    files: list[Path] = []
    for room in _COMPILED_ROOMS:
        path = root / room
        files.extend(sorted(path.rglob("*.py")) if path.is_dir() else [path])
    whole = hashlib.sha256()
    for path in files:
        whole.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return whole.hexdigest()


def _cache_folder() -> Path:
    versions = "|".join((metadata.version("numba"), metadata.version("numpy"), sys.version, platform.machine()))
    key = hashlib.sha256(f"{source_digest()}|{versions}".encode()).hexdigest()[:16]
    base = os.environ.get("TRADER_CACHE_DIR")
    root = Path(base) if base else user_cache_path("trader", appauthor=False)
    return root / "kernels" / key


def _prepare(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.utime(folder)
        if not os.access(folder, os.W_OK):
            raise PermissionError(folder)
    except OSError:
        # No writable cache folder: compile into a private temporary one, so that the command still works.
        return Path(tempfile.mkdtemp(prefix="trader-kernels-"))
    # Only folders long unused go: another version of the program may be running from a recent one.
    newest = folder.stat().st_mtime
    for other in folder.parent.iterdir():
        if newest - other.stat().st_mtime > _STALE_SECONDS:
            shutil.rmtree(other, ignore_errors=True)
    return folder


@lru_cache(maxsize=1)
def cache_folder() -> Path:
    """Return the folder that holds this version's compiled kernels, made when it is missing."""
    return _prepare(_cache_folder())


def is_cached(function_name: str) -> bool:
    """Tell whether a kernel of that name was compiled before, so that a caller can announce the wait."""
    return INTERPRET or any(_cache_folder().rglob(f"*.{function_name}-*.nbi"))


def _load_without_blas() -> None:
    """Load numba's array functions without scipy, which costs 0.2 s and 20 MB, and which no kernel of ours uses.

    They ask for it only to know that it is there; who compiles a product of matrices asks again, and is given it then.
    """
    if find_spec("scipy") is None:
        return
    try:
        from numba.np import linalg

        asked = linalg.ensure_blas
        linalg.ensure_blas = lambda: None
        try:
            import_module("numba.np.arraymath")
        finally:
            linalg.ensure_blas = asked
    except (ImportError, AttributeError):
        # Laid out otherwise in another version: then scipy is loaded with the first kernel.
        return


if INTERPRET:

    def njit(function: F) -> F:
        """Return the function as it is: the compiler is off."""
        return function

    kernel = brief = inlined = part = called = njit

    def inlined_as(compiled_form: Callable[..., Any]) -> Callable[[F], F]:  # noqa: ARG001 of use when compiled
        """Return the decorator of a function with another form when compiled: here it stays as it is."""
        return njit

else:
    # Before numba is imported: it reads the variable once. Where somebody imported it earlier, its setting is changed.
    os.environ["NUMBA_CACHE_DIR"] = str(cache_folder())
    import numba
    from numba.core import event
    from numba.core.codegen import JITCodeLibrary
    from numba.core.compiler import Compiler

    numba.config.CACHE_DIR = str(cache_folder())  # type: ignore[attr-defined]
    _load_without_blas()

    # `_nrt` is an option numba has but does not declare.
    _numba_njit: Any = numba.njit

    class _Uncollected(event.Listener):
        """Keeps Python's collector off while numba compiles: what it makes lives until it is done."""

        def __init__(self) -> None:
            self.depth = 0
            self.was_on = False

        def on_start(self, _: Any) -> None:
            # Under numba's own lock: one thread at a time compiles.
            if self.depth == 0:
                self.was_on = gc.isenabled()
                gc.disable()
            self.depth += 1

        def on_end(self, _: Any) -> None:
            self.depth -= 1
            if self.depth == 0 and self.was_on:
                gc.enable()

    event.register("numba:compile", _Uncollected())

    # Reference counting (`_nrt`) is off: the kernels get every array from outside and make none, and counting
    # references of arrays inside tuples cost ten times the arithmetic (measured: 107 ns against 11 ns a bar).
    _FLAGS: dict[str, Any] = {"error_model": "numpy", "nogil": True}

    def _plain(compiled: Any) -> Any:
        # A constant as an argument would make a version of the function for each of its values: ten for a reason code.
        resolve = compiled.get_call_template

        def resolve_plain(args: Any, kws: Any) -> Any:
            return resolve(tuple(numba.types.unliteral(one) for one in args), kws)

        compiled.get_call_template = resolve_plain
        return compiled

    def njit(function: F) -> F:
        """Compile at first call, for functions that make arrays; division by zero gives inf or NaN as in numpy."""
        compiled: F = _numba_njit(cache=True, **_FLAGS)(function)
        return compiled

    def kernel(function: F) -> F:
        """Compile at first call, for functions that only write into arrays they were given."""
        compiled: F = _numba_njit(cache=True, _nrt=False, **_FLAGS)(function)
        return compiled

    def brief(function: F) -> F:
        """Compile as `kernel` does, for microseconds: other threads wait meanwhile, since handing over would take longer."""
        flags = {**_FLAGS, "nogil": False}
        compiled: F = _numba_njit(cache=True, _nrt=False, **flags)(function)
        return compiled

    class _Unfinished(JITCodeLibrary):
        """The code of a function that only kernels call: optimised and assembled with them alone.

        numba would do both for every function by itself, and again for each of its callers up to the kernel. These are methods
        numba does not promise: they are used with versions they were tried with.
        """

        def _optimize_final_module(self) -> None:
            """Leave it to the kernel, which all that it calls is linked into."""

        def _finalize_final_module(self) -> None:
            # Callers link a copy made now; of this one no machine code is made.
            self._finalized = True
            self._get_module_for_linking()
            self._finalized = False
            for function in self._final_module.functions:
                if not function.is_declaration:
                    function.linkage = "available_externally"
            super()._finalize_final_module()

    class _InnerCompiler(Compiler):
        def __init__(self, typing: Any, target: Any, library: Any, *rest: Any) -> None:
            super().__init__(typing, target, library or _Unfinished(target.codegen(), "part"), *rest)

    # A function that only kernels call needs no way in from Python, which for sixty arguments is most of its code.
    _INNER: dict[str, Any] = {
        **_FLAGS,
        "_nrt": False,
        "no_cpython_wrapper": True,
        "no_cfunc_wrapper": True,
    }
    if numba.__version__.startswith(_TRIED_NUMBA):
        _INNER["pipeline_class"] = _InnerCompiler

    def part(function: F) -> F:
        """Compile as part of the kernel that calls it: for functions of the decision path."""
        compiled: F = _plain(_numba_njit(forceinline=True, **_INNER)(function))
        return compiled

    def called(function: F) -> F:
        """Compile once, called by the kernel as it is: for larger functions that few bars need."""
        # Stated, or it would be inherited from whichever caller comes first.
        compiled: F = _plain(_numba_njit(forceinline=False, **_INNER)(function))
        return compiled

    def inlined_as(compiled_form: Callable[..., Any]) -> Callable[[F], F]:
        """Return the decorator of a function that stays Python's for Python, and is `compiled_form` in kernels."""

        def decorate(function: F) -> F:
            one: Any = function
            # A type holds its function weakly: somebody has to keep it.
            one.compiled = part(compiled_form)
            one._numba_type_ = one.compiled._numba_type_
            return function

        return decorate

    def inlined(function: F) -> F:
        """Compile as part of the kernel that calls it: for small functions of numbers and arrays.

        Called from Python it is Python: for a few numbers that is sooner done than compiling, which nobody would keep.
        """
        return inlined_as(function)(function)
