"""Figures as JSON text that every reader of JSON takes: what JSON has no word for is told as {"$float": "nan"}."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

from trader_cli.ledger.record import json_text

_MARK = "$float"
_KEY_LENGTH = 16
_INFINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def figures_text(value: object) -> str:
    """Return a JSON-able value as text, NaN, infinities and the numbers of numpy too; the same value, the same text."""
    return json_text(_packed(value))


def figures(text: str) -> Any:
    """Return what `figures_text` was given; sequences come back as lists."""
    return json.loads(text, object_hook=_unpacked if _MARK in text else None)


def params_key(params: Mapping[str, object]) -> str:
    """Return 16 hex digits (64 bits) that are the same for the same parameters: of a million sets no two share them."""
    return hashlib.sha256(figures_text(params).encode()).hexdigest()[:_KEY_LENGTH]


def _packed(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _packed(one) for key, one in value.items()}
    if isinstance(value, str | bool | None):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        number = float(value)
        return number if math.isfinite(number) else {_MARK: str(number)}
    if isinstance(value, Sequence):
        return [_packed(one) for one in value]
    # Whatever else numpy has: its truth values, its arrays.
    plain = getattr(value, "tolist", None)
    return value if plain is None else _packed(plain())


def _unpacked(found: dict[str, Any]) -> Any:
    name = found.get(_MARK) if len(found) == 1 else None
    return _INFINITE[name] if isinstance(name, str) and name in _INFINITE else found
