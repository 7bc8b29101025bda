"""Parameters a strategy declares: typed, bounded, readable from the command line.

A `Param` is a descriptor, so that `self.fast` is a plain number (mypy sees `int`, `float`, `bool` or `str`,
the type of the default). Values are fixed when the strategy is made: an array computed from them can never be
stale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, overload

from trader_cli.errors import StrategyError, UsageError, did_you_mean

T = TypeVar("T", bound="bool | int | float | str")

# What other programs call the same thing; the first word that the strategy knows is suggested.
_OTHER_NAMES: dict[str, tuple[str, ...]] = {
    "fast": ("short", "quick", "fast_ma", "short_ma", "exit", "signal"),
    "slow": ("long", "slow_ma", "long_ma", "entry", "lookback", "window", "period", "length", "n"),
    "atr_period": ("atr", "atr_n", "true_range"),
    "rsi_period": ("rsi", "rsi_n"),
    "stop_atr": ("atr_mult", "atr_multiplier", "multiplier", "stop"),
}
_ENDINGS = ("_window", "_period", "_length", "_len", "_n", "_lookback")
_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


class Param(Generic[T]):
    """A number or word of a strategy that may be set from outside.

    default: also states the type; an `int` stays an `int`. low, high: inclusive bounds, None = none.
    choices: the allowed values, empty = any within the bounds. help: one line for `trader strategy show`.
    """

    def __init__(
        self,
        default: T,
        *,
        low: T | None = None,
        high: T | None = None,
        choices: Sequence[T] = (),
        help: str = "",  # noqa: A002 the word that reads best where it is written
    ) -> None:
        self.name = ""
        self.default = default
        self.low = low
        self.high = high
        self.choices = tuple(choices)
        self.help = help

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Param[T]: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Param[T] | T:
        if instance is None:
            return self
        value: T = instance.__dict__["params"][self.name]
        return value

    def __set__(self, instance: object, value: T) -> None:
        raise AttributeError(
            f"`{self.name}` is fixed when the strategy is made; make another one with {self.name}={value}"
        )

    @property
    def kind(self) -> type:
        """The type of the values: bool, int, float or str."""
        return type(self.default)

    @property
    def range_text(self) -> str:
        """The allowed values in words, e.g. `2 to 100`; empty where everything is allowed."""
        if self.choices:
            return ", ".join(str(choice) for choice in self.choices)
        if self.low is not None and self.high is not None:
            return f"{self.low} to {self.high}"
        if self.low is not None:
            return f"{self.low} or more"
        return "" if self.high is None else f"{self.high} or less"

    def read(self, value: object) -> T:
        """Return the value in the type of the default, parsed from text where it is text.

        Raises UsageError for another type, for NaN and infinity, and outside the bounds or choices.
        """
        read: Any = _converted(value, self.kind)
        if read is None:
            raise UsageError(f"`{self.name}` is `{value}`, it must be {_WORDS[self.kind]}")
        low: Any = self.low
        high: Any = self.high
        outside = (low is not None and read < low) or (high is not None and read > high)
        if outside or (self.choices and read not in self.choices):
            raise UsageError(
                f"`{self.name}` is {read}, it must be {'one of ' if self.choices else ''}{self.range_text}"
            )
        result: T = read
        return result


_WORDS: dict[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a word"}


def _converted(value: object, kind: type) -> object | None:
    if kind is bool:
        return value if isinstance(value, bool) else _TRUTH.get(str(value).strip().lower())
    if kind is str:
        return value if isinstance(value, str) else None
    if isinstance(value, bool):
        return None
    try:
        number = float(value)  # type: ignore[arg-type]  # whatever does not convert is refused just below
    except (TypeError, ValueError, OverflowError):
        return None
    if not math.isfinite(number):
        return None
    if kind is float:
        return number
    # 20, "20", 20.0 and numpy integers are all whole; 20.5 is not.
    return int(number) if number.is_integer() else None


def check_declared(owner: str, declared: Mapping[str, Param[Any]]) -> None:
    """Raise StrategyError where a default lies outside its own bounds or a name cannot be used."""
    for name, param in declared.items():
        if name in ("params", "targets") or name.startswith("_"):
            raise StrategyError(f"strategy `{owner}`: a parameter cannot be called `{name}`")
        if param.kind not in _WORDS:
            raise StrategyError(f"strategy `{owner}`: the default of `{name}` is neither a number nor a word")
        try:
            param.read(param.default)
        except UsageError as error:
            raise StrategyError(f"strategy `{owner}`: the default of {error.message}") from error


def read_params(owner: str, declared: Mapping[str, Param[Any]], given: Mapping[str, object]) -> dict[str, Any]:
    """Return every declared parameter with its value, given or default.

    Raises UsageError that names all unknown and all refused values at once.
    """
    values: dict[str, Any] = {}
    problems: list[str] = []
    hints: list[str] = []
    for name in given:
        if name not in declared:
            problems.append(f"has no parameter `{name}`")
            hints.extend(suggest(name, list(declared)))
    for name, param in declared.items():
        try:
            values[name] = param.read(given[name]) if name in given else param.default
        except UsageError as error:
            problems.append(error.message)
    if problems:
        known = ", ".join(f"`{name}`" for name in declared) or "none"
        raise UsageError(f"strategy `{owner}`: {'; '.join(problems)}", *hints, f"its parameters are {known}")
    return values


def suggest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return one hint with the parameter that was probably meant, or none."""
    word = name.lower().replace("-", "_")
    stem = word
    for ending in _ENDINGS:
        stem = stem.removesuffix(ending)
    for meant, others in _OTHER_NAMES.items():
        if meant in known and (word in others or stem in others or stem == meant):
            return (f"did you mean `{meant}`?",)
    return did_you_mean(word, known)
