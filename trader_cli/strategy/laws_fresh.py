"""A strategy that has seen nothing yet: an instance of a class made anew from its source, on bars of its own.

What an author keeps on the class or in the module outlives an instance. A strategy that was shown the future once may
remember it; so whoever asks what it says without the future must ask one that was never shown it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from dataclasses import replace
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from trader_cli.model.bars import COLUMNS, Bars
from trader_cli.strategy.base import ORIGIN, Strategy


class Origin:
    """Where instances come from. A class from no file of its own, as in a test, is taken as it is."""

    def __init__(self, strategy: Strategy) -> None:
        self._cls = type(strategy)
        self._params = dict(strategy.params)
        self._path, self._source = _source(self._cls)
        self._code: CodeType | None = None
        if self._source is not None and not _compiles(sys.modules[self._cls.__module__]):
            self._code = compile(self._source, self._path, "exec", dont_inherit=True)

    @property
    def renews(self) -> bool:
        """Whether the class is made anew for each instance."""
        return self._code is not None

    @property
    def tree(self) -> ast.Module | None:
        """The source as a tree, None where there is no file."""
        return None if self._source is None else ast.parse(self._source)

    @property
    def path(self) -> str:
        """The file, empty where there is none."""
        return self._path

    def strategy(self) -> Strategy:
        """Return an instance that has seen nothing, with the same parameters."""
        return self._class()(**self._params)

    def same(self) -> Callable[[], Strategy]:
        """Return what makes instances of one and the same fresh class."""
        cls = self._class()
        return lambda: cls(**self._params)

    def _class(self) -> type[Strategy]:
        if self._code is None:
            return self._cls
        module = ModuleType(self._cls.__module__)
        module.__file__ = self._path
        exec(self._code, module.__dict__)  # noqa: S102 the very source that was loaded before
        found: type[Strategy] = getattr(module, self._cls.__name__)
        return found


def _source(cls: type[Strategy]) -> tuple[str, bytes | None]:
    module = sys.modules.get(cls.__module__)
    origin = None if module is None else vars(module).get(ORIGIN)
    if origin is None:
        return "", None
    _, path, source = origin
    return str(path), bytes(source)


def _compiles(module: ModuleType) -> bool:
    # A function compiled by the author would be compiled again for each instance, a second each time.
    return any(hasattr(value, "py_func") for value in vars(module).values())


def own_copy(bars: Bars) -> Bars:
    """Return the bars in arrays of their own: behind a slice lies the whole array, and with it the future."""
    columns: dict[str, Any] = {name: np.array(getattr(bars, name)) for name in ("open_ms", *COLUMNS)}
    return replace(bars, **columns, peers=tuple(own_copy(peer) for peer in bars.peers))
