"""The hash chain: every row's SHA-256 covers the row and the hash of the row before it.

A flipped byte breaks the chain at its row, a missing row at the row after it, a missing last row against the head that
is kept beside the chain. A transaction's hash covers its fill and its entries, so that these need no chain of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

GENESIS = bytes(32)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


def row_bytes(values: Sequence[Any]) -> bytes:
    """Return a row's canonical bytes: its values as one JSON list, in column order, without the chain."""
    return _ENCODER.encode(list(values)).encode()


def transaction_bytes(head: bytes, kind: str, symbol: str, fill: bytes, entries: bytes) -> bytes:
    """Return a transaction's canonical bytes: its own columns, its fill's, and every entry's.

    head, fill and entries are their integer columns as little-endian int64: (id, run, time_ms); (side … reason), empty
    for an opening; (txn, line, account, amount) an entry.
    """
    return b"\0".join((kind.encode(), symbol.encode(), head + fill + entries))


def link(before: bytes, content: bytes) -> bytes:
    """Return the chain value of a row."""
    return hashlib.sha256(before + content).digest()


def chain(before: bytes, contents: Iterable[bytes]) -> list[bytes]:
    """Return the chain values of rows that follow `before`."""
    sha256 = hashlib.sha256
    links: list[bytes] = []
    for content in contents:
        before = sha256(before + content).digest()
        links.append(before)
    return links
