"""Whether an answer has the form it must have, before anything is believed of it: absence least of all (A12, A12b, A13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

_LARGEST = Decimal(10) ** 20


class MalformedError(Exception):
    """An answer that lacks what it must have. The sentence names the part, never the whole answer."""


class WrongError(MalformedError):
    """An answer of the right form about something else: another market, another side, another order."""


def table(value: object, what: str) -> dict[str, Any]:
    """Return a JSON object."""
    if not isinstance(value, dict):
        raise MalformedError(f"{what} is no object")
    return value


def rows(value: object, what: str) -> list[Any]:
    """Return a JSON array."""
    if not isinstance(value, list):
        raise MalformedError(f"{what} is no list")
    return value


def text(entry: dict[str, Any], name: str) -> str:
    """Return a text that is not empty; a whole number stands for its digits."""
    value = entry.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise MalformedError(f"`{name}` is missing")
    return value


def number(entry: dict[str, Any], name: str) -> Decimal:
    """Return a number from 0 up, exactly as the venue wrote it."""
    return amount(entry.get(name), f"`{name}`")


def amount(value: object, what: str) -> Decimal:
    """Return a number from 0 up out of a text or a JSON number."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise MalformedError(f"{what} is missing")
    try:
        made = Decimal(value)
    except ArithmeticError:
        raise MalformedError(f"{what} is no number") from None
    if not made.is_finite() or not 0 <= made < _LARGEST:
        raise MalformedError(f"{what} is out of range")
    return made


def signed(entry: dict[str, Any], name: str) -> Decimal:
    """Return a number of either sign, exactly as the venue wrote it."""
    value = entry.get(name)
    if isinstance(value, str) and value.startswith("-"):
        return -amount(value[1:], f"`{name}`")
    if isinstance(value, int | Decimal) and not isinstance(value, bool) and value < 0:
        return -amount(-value, f"`{name}`")
    return amount(value, f"`{name}`")


def milliseconds(entry: dict[str, Any], name: str, *, seconds: bool = False) -> int:
    """Return a moment in ms UTC from a number of milliseconds, or of seconds with a fraction."""
    value = number(entry, name)
    return int(value * 1000) if seconds else int(value)


def side(entry: dict[str, Any], name: str) -> int:
    """Return +1 for `buy`, -1 for `sell`, in any letters."""
    word = text(entry, name).lower()
    if word not in ("buy", "sell"):
        raise MalformedError(f"`{name}` is neither buy nor sell")
    return 1 if word == "buy" else -1


def same(found: object, expected: object, what: str) -> None:
    """Refuse an answer about something else than was asked."""
    if found != expected:
        raise WrongError(f"{what} is not the one that was asked for")


def units(value: int, decimals: int) -> str:
    """Return a whole number of 10**-decimals as exact decimal text: 150000000 of 8 decimals is `1.5`."""
    whole, rest = divmod(value, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}".rstrip("0").rstrip(".") if decimals else str(whole)
