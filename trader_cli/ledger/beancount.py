"""Runs as a beancount file: names as beancount spells them, amounts as exact decimals."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import Any

_ROOTS = {"assets": "Assets", "equity": "Equity", "expenses": "Expenses", "income": "Income"}


def amount_text(units: int, decimals: int = 8) -> str:
    """Return whole units of 10**-decimals as an exact decimal."""
    whole, part = divmod(abs(units), 10**decimals)
    return f"{'-' if units < 0 else ''}{whole}.{part:0{decimals}d}"


@lru_cache(maxsize=65_536)
def time_text(ms: int) -> str:
    """Return `2018-01-31T23:30:00Z` for ms UTC."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@cache
def _commodity(asset: str) -> str:
    """Return an asset's name as beancount spells commodities: capitals, at least two characters, a letter at both ends."""
    name = re.sub(r"[^A-Z0-9'._-]", "-", asset.upper())[:22]
    if not re.match(r"[A-Z]", name):
        name = f"X{name}"
    if not re.search(r"[A-Z0-9]$", name) or len(name) < 2:
        name = f"{name}X"
    return name


@cache
def _account(name: str, run_id: str) -> str:
    root, *parts = name.split(":")
    # Accounts are each run's own: runs are separate worlds, and one file holds them all.
    if len(parts) == 3:
        parts[1] = _wallet(parts[1])
    return ":".join([_ROOTS[root], f"Run-{run_id.upper()}", *(_component(part) for part in parts)])


def _wallet(name: str) -> str:
    # `_` is what wallets are spelled with, and no letter of an account: it becomes `-`, and a true `-` says so. Wallets
    # are lower case, so that no two names become one.
    return name.replace("-", "-H").replace("_", "-")


def _component(part: str) -> str:
    text = re.sub(r"[^A-Za-z0-9-]", "-", part)
    return text[:1].upper() + text[1:] if text[:1].isalnum() else f"X{text}"


def beancount(runs: Sequence[Any], entries: Sequence[Any]) -> str:
    """Return runs and their entries as one beancount file, every run with accounts of its own."""
    lines = ['option "title" "trader"', ""]
    first_day: dict[str, str] = {}
    for one in entries:
        first_day.setdefault(_account(one.name, one.run_id), time_text(one.time_ms)[:10])
    begin = min(first_day.values(), default="")
    opened = dict.fromkeys(first_day, begin)
    lines += [f"{day} open {account}" for account, day in sorted(opened.items())]
    names = {one.run_id: one.strategy for one in runs}
    current = None
    for one in entries:
        if one.txn != current:
            current = one.txn
            strategy = names[one.run_id].replace('"', "'")
            lines += [
                "",
                f'{time_text(one.time_ms)[:10]} * "{strategy}" "{one.kind} {one.txn}"',
                f'  time: "{time_text(one.time_ms)}"',
            ]
        lines.append(f"  {_account(one.name, one.run_id)}  {amount_text(one.amount)} {_commodity(one.asset)}")
    return "\n".join(lines) + "\n"
