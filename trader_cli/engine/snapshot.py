"""The book as bytes: what a session leaves at the end of one run and takes up at the beginning of the next, to the last unit.

Layout, little-endian: magic, version, the five sizes of the arrays, SHA-256 of what follows unpacked, then zlib of the
account's, the wallets' and the positions' int64 in the order of their columns. A version is a set of columns in `state`:
whoever changes them counts it up, and says below how an older one is read, or that it is not.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Sequence

import numpy as np

from trader_cli.engine.state import (
    ACCOUNT_COLUMNS,
    CANDIDATE,
    DUST,
    EVENTS,
    FILLS,
    LAST_ASKED,
    LAST_EVENT,
    ORDER_SIDE,
    ORDERS,
    POSITION_COLUMNS,
    QUANTITY,
    WALLET_COLUMNS,
    Book,
)
from trader_cli.errors import DataError
from trader_cli.model.bars import Ints

VERSION = 1
_MAGIC = b"TRBK"
_HEAD = struct.Struct("<4sHHIHIH32s")
_NEVER = -2  # as the bar of a row's last refusal: no bar follows on it


def pack(book: Book) -> bytes:
    """Return the book as bytes. Its log stays behind: fills and events are counted anew by the next run."""
    account, wallet, position = (array.copy() for array in book)
    account[FILLS] = 0
    account[EVENTS] = 0
    position[:, LAST_EVENT] = 0
    position[:, LAST_ASKED] = _NEVER
    position[:, CANDIDATE] = 0
    raw = b"".join(np.ascontiguousarray(array, "<i8").tobytes() for array in (account, wallet, position))
    sizes = (len(account), *wallet.shape, *position.shape)
    return _HEAD.pack(_MAGIC, VERSION, *sizes, hashlib.sha256(raw).digest()) + zlib.compress(raw, 6)


def unpack(
    data: bytes,
    symbols_then: Sequence[str],
    wallets_then: Sequence[str],
    symbols_now: Sequence[str],
    wallets_now: Sequence[str],
) -> Book:
    """Return the book that was packed, its rows matched by wallet and symbol.

    A new symbol's rows are empty. Those of a symbol that is gone go with it, and with their working orders. Raises DataError
    where such a row holds something, where the wallets are others, and for bytes that are damaged or of another version.
    """
    whole = _read(data)
    rows_then = len(symbols_then) * len(wallets_then)
    if len(whole.position) != rows_then or len(whole.wallet) != len(wallets_then) + 1:
        raise DataError(
            f"the book has {len(whole.position)} rows and {len(whole.wallet) - 1} wallets,"
            f" {rows_then} and {len(wallets_then)} were told of",
            "the step does not belong to these symbols and wallets: run `trader ledger verify`",
        )
    if tuple(wallets_then) != tuple(wallets_now):
        raise DataError(
            f"the wallets were {', '.join(wallets_then)} and are {', '.join(wallets_now)} now",
            "a session keeps its wallets: begin a new one, or restore the configuration",
        )
    place = {symbol: i for i, symbol in enumerate(symbols_now)}
    position = np.zeros((len(symbols_now) * len(wallets_now), POSITION_COLUMNS), np.int64)
    position[:, LAST_ASKED] = _NEVER
    held: list[str] = []
    for row, values in enumerate(whole.position):
        w, s = divmod(row, len(symbols_then))
        at = place.get(symbols_then[s])
        if at is not None:
            position[w * len(symbols_now) + at] = values
        elif values[QUANTITY] != 0 or values[DUST] != 0:
            held.append(f"{wallets_then[w]}: {symbols_then[s]}")
    if held:
        raise DataError(
            f"still held, but no longer among the symbols: {', '.join(held)}", "keep them until they are sold"
        )
    whole.account[ORDERS] = np.count_nonzero(position[:, ORDER_SIDE])
    return Book(whole.account, whole.wallet, position)


def _read(data: bytes) -> Book:
    if len(data) < _HEAD.size or data[: len(_MAGIC)] != _MAGIC:
        raise DataError("this is no packed book", "run `trader ledger verify`")
    _, version, account, wallets, wallet_columns, rows, columns, digest = _HEAD.unpack_from(data)
    if version != VERSION:
        raise DataError(
            f"the book is of version {version}, this program reads {VERSION}", "use the version that wrote it"
        )
    if (account, wallet_columns, columns) != (ACCOUNT_COLUMNS, WALLET_COLUMNS, POSITION_COLUMNS):
        raise DataError(
            f"the book has columns {account}, {wallet_columns}, {columns},"
            f" expected {ACCOUNT_COLUMNS}, {WALLET_COLUMNS}, {POSITION_COLUMNS}"
        )
    try:
        raw = zlib.decompress(data[_HEAD.size :])
    except zlib.error as error:
        raise DataError(f"the packed book is damaged: {error}", "run `trader ledger verify`") from error
    if hashlib.sha256(raw).digest() != digest or len(raw) != 8 * (account + wallets * wallet_columns + rows * columns):
        raise DataError("the packed book is damaged: its digest does not match", "run `trader ledger verify`")
    # A copy in this machine's own order of bytes: an array over bytes cannot be written into.
    values = np.frombuffer(raw, "<i8").astype(np.int64)
    ends = np.cumsum([account, wallets * wallet_columns])
    first, second, third = np.split(values, ends)
    return Book(*_owned(first, second.reshape(wallets, wallet_columns), third.reshape(rows, columns)))


def _owned(*arrays: Ints) -> tuple[Ints, Ints, Ints]:
    account, wallet, position = (array.copy() for array in arrays)
    return account, wallet, position
