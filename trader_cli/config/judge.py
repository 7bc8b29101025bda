"""Whether a configuration can be meant: every value has its type and lies in its bounds. All problems at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from trader_cli.config.sense import senseless
from trader_cli.config.settings import OPEN, Settings, open_key
from trader_cli.config.value import Problem, Value, at, shown
from trader_cli.errors import UsageError, did_you_mean

_LISTS = ("data.symbols", "consensus.timeframes", "fetch.fallback", "fetch.quotes", "alerts.muted")


def judge(layers: Mapping[str, Sequence[Value]], known: Sequence[Problem]) -> Settings:
    """Return the settings that the layers come to, or raise one UsageError with every problem, those known before first."""
    problems = list(known)
    settings: Settings | None = None
    tree = _tree(layers)
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        problems += [_invalid(one, layers) for one in error.errors()]
    problems += senseless(layers, tree, settings)
    if problems or settings is None:
        raise refusal(problems)
    return settings


def refusal(problems: Sequence[Problem]) -> UsageError:
    """Return one error that names every problem; there is at least one."""
    first, *rest = problems
    hints = [hint for problem in problems for hint in problem.hints]
    return UsageError(
        first.message,
        *(f"also: {problem.message}" for problem in rest),
        *dict.fromkeys(hints),
        "`trader config explain KEY` shows where a value comes from",
    )


def _tree(layers: Mapping[str, Sequence[Value]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, values in layers.items():
        value = values[-1].value
        if isinstance(value, float):
            value = str(value)
        parts = open_key(key)
        listed = key in _LISTS if parts is None else parts[0] == "wallets" and parts[2] == "strategies"
        if isinstance(value, str) and listed:
            value = [one.strip() for one in value.split(",") if one.strip()]
        if parts is not None:
            table, own, name = parts
            tree.setdefault(table, {}).setdefault(own, {})[name] = value
        else:
            section, _, name = key.partition(".")
            tree.setdefault(section, {})[name] = value
    return tree


def _invalid(error: Any, layers: Mapping[str, Sequence[Value]]) -> Problem:
    """Return what pydantic says of one value in our words, with the value and its place."""
    parts = [str(part) for part in error["loc"]]
    if error["type"] == "missing" and parts[0] in OPEN:
        return _half_stated(".".join(parts), layers)
    says = error["msg"].removeprefix("Value error, ")
    said = f"{says[:1].lower()}{says[1:]}"
    # Of an element of a list, the list is what was stated.
    for length in range(len(parts), 0, -1):
        key = ".".join(parts[:length])
        if key in layers:
            last = layers[key][-1]
            value = last.value if isinstance(last.value, str) and last.value else shown(last.value)
            return Problem(f"`{key}` is `{value}` {at(last.where)}: {said}", ())
    return Problem(f"`{'.'.join(parts)}`: {said}", ())


def _half_stated(missing: str, layers: Mapping[str, Sequence[Value]]) -> Problem:
    """Return that an entry of an open-ended table has some of its keys only; its name may be another's, misspelt."""
    entry = missing.rpartition(".")[0]
    found = next(key for key in layers if key.rpartition(".")[0] == entry)
    others = {key.rpartition(".")[0] for key in layers if key.startswith(f"{entry.partition('.')[0]}.")} - {entry}
    return Problem(
        f"`{found}` is stated {at(layers[found][-1].where)}, `{missing}` nowhere",
        (*did_you_mean(entry, sorted(others)), f"`{entry}` needs both: state `{missing}` too"),
    )
