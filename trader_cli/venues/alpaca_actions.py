"""What companies did to their shares, as Alpaca tells it (docs.alpaca.markets, "Corporate actions"): splits, cash dividends."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, TypeAlias

from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action
from trader_cli.venues.answers import MalformedError, number, rows, same, table, text
from trader_cli.venues.sessions import date_ms

PATH = "/v1/corporate-actions"
# Told by the day a dividend is paid, which comes weeks after the shares go without it.
_PAID_LATER = timedelta(days=200)
_MOST = 1e6

Told: TypeAlias = tuple[date, str, bool, float]
"""First day without it, kind, whether a dividend is one beside the usual ones, value."""


def asked(symbol: str, first: date, last: date) -> dict[str, str]:
    """Return what to ask for: everything that the shares went without from the first day to the last."""
    return {
        "symbols": symbol,
        "types": "forward_split,reverse_split,cash_dividend",
        "start": first.isoformat(),
        "end": (last + _PAID_LATER).isoformat(),
        "limit": "1000",
        "sort": "asc",
    }


def read(data: object, symbol: str) -> list[Told]:
    """Return what one answer tells. Raises MalformedError for one that is none."""
    lists = table(table(data, "the answer").get("corporate_actions"), "the actions")
    found: list[Told] = []
    for name in ("forward_splits", "reverse_splits"):
        for one in _each(lists, name, symbol):
            ratio = _sized(float(number(one, "new_rate")), float(number(one, "old_rate")))
            found.append((_day(one), SPLIT, False, ratio))
    found += [
        (_day(one), DIVIDEND, one.get("special") is True, _sized(float(number(one, "rate")), 1.0))
        for one in _each(lists, "cash_dividends", symbol)
        # Where nothing was paid nothing changes.
        if number(one, "rate") > 0
    ]
    return found


def summed(told: Sequence[Told], last: date) -> tuple[Action, ...]:
    """Return one action of a kind a day, oldest first, none that is still to come; what is told twice counts once."""
    found: dict[tuple[date, str], float] = {}
    for day, kind, _, value in sorted(set(told)):
        if day > last:
            continue
        before = found.get((day, kind))
        found[day, kind] = value if before is None else before * value if kind == SPLIT else before + value
    return tuple(sorted(Action(date_ms(day), kind, value) for (day, kind), value in found.items()))


def _each(lists: dict[str, Any], name: str, symbol: str) -> list[dict[str, Any]]:
    found = [table(one, f"one of `{name}`") for one in rows(lists.get(name) or [], f"`{name}`")]
    for one in found:
        same(text(one, "symbol"), symbol, "the symbol of an action")
    return found


def _day(one: dict[str, Any]) -> date:
    try:
        return date.fromisoformat(text(one, "ex_date"))
    except ValueError:
        raise MalformedError("`ex_date` is no date") from None


def _sized(value: float, by: float) -> float:
    if not (by > 0.0 and 1 / _MOST < value / by < _MOST):
        raise MalformedError("a split or a dividend of no size")
    return value / by
