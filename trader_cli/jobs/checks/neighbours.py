"""Parameters beside those that were chosen: what a strategy is set to when it is tried whether the choice matters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trader_cli.strategy.params import Param


def moved(param: Param[Any], value: Any, pct: float) -> tuple[Any, ...]:
    """Return a parameter's values `pct` percent below and above, within its bounds; none for a word or a switch.

    A whole number moves by one at least, one of 0 by that share of its range; of listed choices the next ones are taken.
    """
    if param.kind not in (int, float):
        return ()
    if param.choices:
        inside = sorted(param.choices)
        place = inside.index(value)
        found = inside[max(place - 1, 0) : place + 2]
    else:
        step = abs(value) * pct / 100
        if step == 0 and param.low is not None and param.high is not None:
            step = (param.high - param.low) * pct / 100
        if param.kind is int:
            step = max(round(step), 1)
        found = [_within(param, value - step), _within(param, value + step)]
    return tuple(one for one in dict.fromkeys(found) if one != value)


def neighbours(
    declared: Mapping[str, Param[Any]], params: Mapping[str, Any], pct: float
) -> list[tuple[str, dict[str, Any]]]:
    """Return (parameter, change) for each numeric parameter moved alone, downwards first."""
    return [(name, {name: one}) for name, param in declared.items() for one in moved(param, params[name], pct)]


def _within(param: Param[Any], value: Any) -> Any:
    low = value if param.low is None else max(value, param.low)
    return low if param.high is None else min(low, param.high)
