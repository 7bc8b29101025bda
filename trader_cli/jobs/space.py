"""The space a search looks through: which values each parameter may take, as stated on the command line.

`fast=5:50:5` an inclusive range, `fast=5:50` one without steps (whole numbers, or any number), `fast=5,10,20` a list,
`fast=20` a fixed value; words and switches are lists. Where nobody states more than one value of anything, what the strategy
declares is searched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from trader_cli.errors import UsageError
from trader_cli.strategy.params import Param, suggest

_WHOLE = Decimal(1)


@dataclass(frozen=True)
class Axis:
    """The values of one parameter: listed, or low + i * step up to high; step None = any number between the two.

    kind: type of the values. stated: whether somebody asked for it, or it follows from the strategy's declaration.
    """

    name: str
    kind: type
    listed: tuple[Any, ...] = ()
    low: Decimal = Decimal(0)
    high: Decimal = Decimal(0)
    step: Decimal | None = None
    stated: bool = True

    @property
    def size(self) -> int | None:
        """How many values there are, None = any number in between."""
        if self.listed:
            return len(self.listed)
        return None if self.step is None else int((self.high - self.low) // self.step) + 1

    def at(self, index: int) -> Any:
        """Return a value by its place; raises IndexError for none."""
        size = self.size
        if size is None or not 0 <= index < size:
            raise IndexError(index)
        if self.listed:
            return self.listed[index]
        # Counted in decimals: the third of 0.1:0.5:0.1 is 0.3, as somebody would type it.
        return self._typed(self.low + index * (self.step or 0))

    def place(self, value: Any) -> int | None:
        """Return where a value stands, None where it does not."""
        if self.listed:
            return self.listed.index(value) if value in self.listed else None
        if self.step is None:
            return None
        index, rest = divmod(Decimal(str(value)) - self.low, self.step)
        return int(index) if rest == 0 and 0 <= index < (self.size or 0) else None

    def share(self, part: float) -> Any:
        """Return the value that lies a part in [0, 1) of the way through."""
        size = self.size
        if size is not None:
            return self.at(min(int(part * size), size - 1))
        low, high = float(self.low), float(self.high)
        return min(low + part * (high - low), high)

    @property
    def ordered(self) -> bool:
        """Tell whether its values have neighbours: words and switches have none."""
        return self.kind in (int, float)

    @property
    def text(self) -> str:
        """The values as they would be stated."""
        if self.listed:
            return ",".join(_word(one) for one in self.listed)
        ends = f"{self.low}:{self.high}"
        return ends if self.step is None or (self.kind is int and self.step == _WHOLE) else f"{ends}:{self.step}"

    def _typed(self, value: Decimal) -> Any:
        return int(value) if self.kind is int else float(value)


@dataclass(frozen=True)
class Space:
    """Every parameter of a strategy with its values, in the order it declares them."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int | None:
        """How many combinations there are, None = no end of them."""
        sizes = [one.size for one in self.axes]
        return None if any(size is None for size in sizes) else math.prod(size or 0 for size in sizes)

    @property
    def searched(self) -> tuple[Axis, ...]:
        """The axes with more than one value."""
        return tuple(one for one in self.axes if one.size != 1)

    @property
    def stepped(self) -> bool:
        """Tell whether somebody stated all that is searched, as lists or ranges with steps: then a grid is meant."""
        return all(one.size is not None and one.stated for one in self.axes if one.size != 1)

    def at(self, number: int) -> dict[str, Any]:
        """Return a combination by its number: the last parameter changes fastest. Raises IndexError for none."""
        found: dict[str, Any] = {}
        rest = number
        for axis in reversed(self.axes):
            rest, index = divmod(rest, axis.size or 0)
            found[axis.name] = axis.at(index)
        if rest:
            raise IndexError(number)
        return {axis.name: found[axis.name] for axis in self.axes}

    def number(self, params: Mapping[str, Any]) -> int | None:
        """Return the number of a combination, None where it is none."""
        number = 0
        for axis in self.axes:
            place = axis.place(params[axis.name])
            if place is None:
                return None
            number = number * (axis.size or 0) + place
        return number

    @property
    def stated(self) -> dict[str, str]:
        """What is searched, by parameter, as it would be stated."""
        return {axis.name: axis.text for axis in self.axes}


def read_space(
    owner: str, declared: Mapping[str, Param[Any]], current: Mapping[str, Any], given: Mapping[str, str]
) -> Space:
    """Return the space of a strategy. current: what its parameters are without any search; given: texts by parameter.

    Raises UsageError that names everything wrong at once.
    """
    problems: list[str] = []
    hints: list[str] = []
    stated: dict[str, Axis] = {}
    for name, text in given.items():
        if name not in declared:
            problems.append(f"has no parameter `{name}`")
            hints.extend(suggest(name, list(declared)))
            continue
        try:
            stated[name] = _axis(declared[name], text)
        except UsageError as error:
            problems.append(error.message)
            hints.extend(error.hints)
    if problems:
        known = ", ".join(f"`{name}`" for name in declared) or "none"
        raise UsageError(
            f"strategy `{owner}`: {'; '.join(problems)}", *dict.fromkeys(hints), f"its parameters are {known}"
        )
    open_ = all(axis.size == 1 for axis in stated.values())
    return Space(
        tuple(
            stated.get(name) or (_declared(param, current[name]) if open_ else _fixed(param, current[name]))
            for name, param in declared.items()
        )
    )


def _axis(param: Param[Any], text: str) -> Axis:
    name, kind = param.name, param.kind
    parts = [one.strip() for one in text.split(":")] if kind in (int, float) else [text]
    if len(parts) == 1:
        values = [param.read(_unspaced(one)) for one in text.split(",")]
        twice = next((one for i, one in enumerate(values) if one in values[:i]), None)
        if twice is not None:
            raise UsageError(f"`{name}` is stated twice as {_word(twice)}")
        return Axis(name, kind, tuple(values))
    if len(parts) > 3 or not all(parts):
        raise UsageError(f"`{name}` is `{text}`, that is no range", f"write e.g. `--param {name}=LOW:HIGH:STEP`")
    low, high = (_decimal(param, one) for one in parts[:2])
    if low > high:
        raise UsageError(f"`{name}` goes from {low} down to {high}", f"write `--param {name}={high}:{low}`")
    step = _WHOLE if kind is int else None
    if len(parts) == 3:
        step = _number(name, parts[2])
        if step <= 0:
            raise UsageError(f"`{name}` goes in steps of {parts[2]}, a step must be above 0")
        if kind is int and step != step.to_integral_value():
            raise UsageError(f"`{name}` goes in steps of {parts[2]}, it must be a whole number")
    if param.choices:
        raise UsageError(f"`{name}` is a range, it must be one of {param.range_text}")
    if low == high:
        return Axis(name, kind, (param.read(parts[0]),))
    return Axis(name, kind, (), low, high, step)


def _declared(param: Param[Any], current: Any) -> Axis:
    """Return what a strategy allows of a parameter; one without an end in both directions stays as it is."""
    if param.choices:
        return Axis(param.name, param.kind, param.choices, stated=False)
    if param.kind is bool:
        return Axis(param.name, bool, (False, True), stated=False)
    if param.kind is str or param.low is None or param.high is None or param.low == param.high:
        return _fixed(param, current)
    low, high = Decimal(str(param.low)), Decimal(str(param.high))
    return Axis(param.name, param.kind, (), low, high, _WHOLE if param.kind is int else None, stated=False)


def _fixed(param: Param[Any], current: Any) -> Axis:
    return Axis(param.name, param.kind, (current,))


def _decimal(param: Param[Any], text: str) -> Decimal:
    # The strategy's own reading first: it knows type and bounds, and says them.
    param.read(text)
    return _number(param.name, text)


def _number(name: str, text: str) -> Decimal:
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise UsageError(f"`{name}` has `{text}` where a number is wanted")
    return number


def _unspaced(text: str) -> str:
    if not text.strip():
        raise UsageError("an empty value stands in a list")
    return text.strip()


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
