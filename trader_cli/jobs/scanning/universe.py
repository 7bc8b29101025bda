"""A universe as a file: one symbol a line, `#` begins a comment."""

from __future__ import annotations

import re

from trader_cli.errors import UsageError

_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,30}(/[A-Za-z0-9][A-Za-z0-9._-]{0,30})?")


def read_universe(text: str, name: str) -> tuple[str, ...]:
    """Return the symbols of a universe's text in their order, each once. name: of the file, for errors.

    Raises UsageError for a line that is no symbol, with its number, and for a file of none.
    """
    found: dict[str, None] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        symbol = line.partition("#")[0].strip()
        if not symbol:
            continue
        if _SYMBOL.fullmatch(symbol) is None:
            raise UsageError(
                f"`{name}`, line {number}: {symbol[:40]!r} is no symbol",
                "write one a line, e.g. `BTC/USD`; `#` begins a comment",
            )
        found[symbol] = None
    if not found:
        raise UsageError(f"`{name}` names no symbol", "write one a line, e.g. `BTC/USD`")
    return tuple(found)
