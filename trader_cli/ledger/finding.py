"""What `verify` says is wrong."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: the table, the row's id where there is one, and a sentence."""

    table: str
    row: int | None
    message: str
