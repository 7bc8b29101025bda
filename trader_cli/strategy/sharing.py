"""Indicators that replays of the same bars share: computed once, handed out to all.

Within `sharing`, an indicator of the bars' own columns, or of what such an indicator gave, is kept with its arguments. What
is handed out is read-only: a strategy that writes into it fails, and is asked again without sharing, so that what it says
never depends on who was asked before.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from threading import Lock
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
R = TypeVar("R")

MOST_BYTES = 256 * 1024 * 1024
"""Of one store; the longest unused go first."""


class Shared:
    """One store of indicators, for bars that stay in memory as long as it does; any number of threads may use it."""

    def __init__(self, columns: tuple[np.ndarray[Any, Any], ...] = (), most_bytes: int = MOST_BYTES) -> None:
        self._lock = Lock()
        self._most = most_bytes
        self._size = 0
        # Held, so that no other array can come to lie where they do.
        self._columns = columns
        self._tokens: dict[tuple[Any, ...], int] = {}
        self._count = 0
        self._kept: OrderedDict[tuple[Any, ...], Any] = OrderedDict()
        for one in columns:
            self._name(one)

    def __len__(self) -> int:
        return len(self._kept)

    def key(
        self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[Any, ...] | None:
        """Return what a call is known by, None where it is of arrays that nobody shares."""
        parts: list[Any] = [function]
        shares = False
        for name, value in (*enumerate(args), *sorted(kwargs.items())):
            if isinstance(value, np.ndarray):
                token = self._tokens.get(_place(value))
                if token is None or value.flags.writeable:
                    return None
                shares = True
                parts.append((name, token))
            elif isinstance(value, int | float | str | None):
                parts.append((name, type(value), value))
            else:
                return None
        return tuple(parts) if shares else None

    def get(self, key: tuple[Any, ...]) -> Any:
        """Return what was kept under a key, None where nothing is."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            return None

    def limit(self, most_bytes: int) -> None:
        """Keep no more than this from the next indicator on."""
        self._most = most_bytes

    def keep(self, key: tuple[Any, ...], found: Any) -> Any:
        """Keep an indicator's arrays and return them as everybody gets them, read-only."""
        arrays = found if isinstance(found, tuple) else (found,)
        if not all(isinstance(one, np.ndarray) for one in arrays):
            return found
        views = [_sealed(one) for one in arrays]
        handed = type(found)(*views) if isinstance(found, tuple) else views[0]
        with self._lock:
            if key in self._kept:
                return self._kept[key]
            self._kept[key] = handed
            for one in views:
                self._name(one)
                self._size += one.nbytes
            while self._size > self._most and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                for one in gone if isinstance(gone, tuple) else (gone,):
                    del self._tokens[_place(one)]
                    self._size -= one.nbytes
        return handed

    def _name(self, array: np.ndarray[Any, Any]) -> None:
        # A number that is never used twice: where an array was forgotten, what was made of it is not found again.
        self._tokens[_place(array)] = self._count
        self._count += 1


def _place(array: np.ndarray[Any, Any]) -> tuple[Any, ...]:
    return (array.__array_interface__["data"][0], array.shape, array.strides, array.dtype.char)


def _sealed(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    # Of an owner that is sealed itself, nobody can make a view that may be written.
    owner = array if array.flags.owndata else array.copy()
    owner.flags.writeable = False
    return owner.view()


_store: ContextVar[Shared | None] = ContextVar("shared_indicators", default=None)


@contextmanager
def sharing(store: Shared) -> Iterator[None]:
    """Share the indicators asked for within, in this thread."""
    token = _store.set(store)
    try:
        yield
    finally:
        _store.reset(token)


def shared(function: Callable[P, R]) -> Callable[P, R]:
    """Make an indicator one that is computed once for all who share."""

    @wraps(function)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        store = _store.get()
        if store is None:
            return function(*args, **kwargs)
        key = store.key(function, args, kwargs)
        if key is None:
            return function(*args, **kwargs)
        found = store.get(key)
        if found is None:
            found = store.keep(key, function(*args, **kwargs))
        result: R = found
        return result

    return asked
