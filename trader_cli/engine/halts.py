"""What somebody decided outside of a run: halts and their end."""

from __future__ import annotations

from trader_cli.engine.state import (
    CLOSING,
    COOL_UNTIL,
    DAY_WORTH,
    LOSSES_IN_ROW,
    PEAK,
    TRIPPED_BY,
    TRIPPED_LIMIT,
    TRIPPED_NUMBER,
    WORTH,
    Book,
)
from trader_cli.model.codes import DRAWDOWN, HALTED


def apply_halt(book: Book, wallet: int, *, halted: bool, close: bool) -> None:
    """Let a halt, or its end, reach the book. wallet: its row, the last one is the whole account.

    halted: somebody, or a breaker that is kept outside, halts it; close: whatever it holds is to be sold. A breaker that is
    open keeps its name and its numbers. Where nobody halts it any more, it is resumed.
    """
    row = book.wallet[wallet]
    if not halted:
        resume(book, wallet)
        return
    if row[TRIPPED_BY] != DRAWDOWN:
        row[TRIPPED_BY] = HALTED
        row[TRIPPED_NUMBER] = 0
        row[TRIPPED_LIMIT] = 0
    if close:
        row[CLOSING] = 1


def resume(book: Book, wallet: int) -> None:
    """End a halt or an open breaker of drawdown; one that is not halted stays as it is, a lost day ends by itself.

    What was lost until now has been looked at: the highest worth, the day's and the streak begin anew, or the breaker would
    open again at the next close.
    """
    row = book.wallet[wallet]
    if row[TRIPPED_BY] not in (HALTED, DRAWDOWN) and row[CLOSING] == 0:
        return
    row[TRIPPED_BY] = 0
    row[TRIPPED_NUMBER] = 0
    row[TRIPPED_LIMIT] = 0
    row[CLOSING] = 0
    row[PEAK] = row[WORTH]
    row[DAY_WORTH] = row[WORTH]
    row[LOSSES_IN_ROW] = 0
    row[COOL_UNTIL] = 0
