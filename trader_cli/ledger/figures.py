"""Figures as JSON text that every reader of JSON takes: what JSON has no word for is told as {"$float": "nan"}."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

_MARK = "$float"
_KEY_LENGTH = 16
_INFINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def figures_text(value: object) -> str:
    """Return a JSON-able value as text, NaN, infinities and the numbers of numpy too; the same value, the same text."""
    try:
        return _ENCODER.encode(value)
    except ValueError:
        # Most figures are finite, and then nothing but the encoder itself looks at them.
        return _ENCODER.encode(_packed(value))


def figures(text: str) -> Any:
    """Return what `figures_text` was given; sequences come back as lists."""
    return json.loads(text, object_hook=_unpacked if _MARK in text else None)


def params_key(params: Mapping[str, object]) -> str:
    """Return 16 hex digits (64 bits) that are the same for the same parameters: of a million sets no two share them."""
    return text_key(figures_text(params))


def text_key(text: str) -> str:
    """Return the same of parameters as `figures_text` wrote them."""
    return hashlib.sha256(text.encode()).hexdigest()[:_KEY_LENGTH]


def _plain(value: Any) -> object:
    """Return what the encoder does not know as something it knows: other mappings, numbers of numpy, decimals as text."""
    if isinstance(value, Mapping):
        return dict(value)
    plain = getattr(value, "tolist", None)
    return str(value) if plain is None else plain()


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)


def _packed(value: object) -> object:
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {_MARK: str(float(value))}
    if isinstance(value, Mapping):
        return {str(key): _packed(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(one) for one in value]
    plain = getattr(value, "tolist", None)
    return value if plain is None else _packed(plain())


def _unpacked(found: dict[str, Any]) -> Any:
    name = found.get(_MARK) if len(found) == 1 else None
    return _INFINITE[name] if isinstance(name, str) and name in _INFINITE else found
