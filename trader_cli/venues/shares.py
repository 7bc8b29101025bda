"""Bars of shares before and after splits: what was traded, and the same counted in today's shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trader_cli.jobs.fetch import DIVIDEND, SPLIT, Action, Row
from trader_cli.model.timeframe import DAY_MS


def shares_since(actions: Sequence[Action], time_ms: int) -> float:
    """Return how many of today's shares one share of a time became."""
    product = 1.0
    for one in actions:
        if one.kind == SPLIT and one.time_ms // DAY_MS > time_ms // DAY_MS:
            product *= one.value
    return product


def traded(row: Row, actions: Sequence[Action]) -> Row:
    """Return a bar as it was traded, of one with every split since worked in."""
    return _times(row, shares_since(actions, row[0]))


def in_todays(row: Row, actions: Sequence[Action]) -> Row:
    """Return a bar with every split since worked in, of one as it was traded: a split is no leap of its price."""
    return _times(row, 1.0 / shares_since(actions, row[0]))


def paid(actions: Sequence[Action]) -> list[Action]:
    """Return dividends as they were paid a share, of those with every split since worked in."""
    return [
        replace(one, value=one.value * shares_since(actions, one.time_ms)) if one.kind == DIVIDEND else one
        for one in actions
    ]


def _times(row: Row, factor: float) -> Row:
    if factor == 1.0:
        return row
    open_ms, first, high, low, last, volume = row
    return (open_ms, first * factor, high * factor, low * factor, last * factor, volume / factor)
