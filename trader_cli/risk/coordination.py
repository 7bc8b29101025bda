"""Whose wish counts where several strategies trade one symbol in one wallet, decided at every bar's close.

What a score measures is decided outside (`jobs.coordination`); here scores are only compared.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from trader_cli.compiler import inlined, kernel

NOBODY = -1


def coordinate(levels: Any, scores: Any, winner: Any) -> None:
    """Fill `winner` with the index of the strategy whose wish counts at every bar, NOBODY where there is none.

    levels: float64 (K, T), what each strategy wants, in order of priority; NaN = what it said last stands, and before it
    ever spoke it has no opinion. scores: int64 (K, T) in 1e-8, read where a level is said and carried with it.
    winner: int64 (T,); winner[t] depends on columns <= t only. The rules:

    1. A level above 0 is a wish to hold, below 0 a wish against the symbol (a spot venue caps it at flat). A level of 0
       is out: it lets go and claims nothing.
    2. The wish with the highest score wins.
    3. Of equal scores a wish to hold goes before one against, then the earlier strategy.
    4. Without a wish the last winner stays the spokesman, so that a position is closed by whoever had it opened. NOBODY
       until the first wish.
    """
    _coordinate(levels, scores, np.full(len(levels), NOBODY, np.int64), winner)


@kernel
def _coordinate(levels: Any, scores: Any, said: Any, winner: Any) -> None:
    spokesman = NOBODY
    for t in range(winner.shape[0]):
        hear(levels, t, said)
        strongest = strongest_wish(levels, scores, said)
        if strongest != NOBODY:
            spokesman = strongest
        winner[t] = spokesman


@inlined
def hear(levels: Any, t: int, said: Any) -> None:
    """Note for every strategy that speaks at bar t that its level of this bar stands from now on."""
    for k in range(levels.shape[0]):
        if not np.isnan(levels[k, t]):
            said[k] = t


@inlined
def strongest_wish(levels: Any, scores: Any, said: Any) -> int:
    """Return the strategy whose standing wish goes before all others, NOBODY where nobody wishes."""
    best = NOBODY
    best_wish = 0
    best_score = 0
    for k in range(levels.shape[0]):
        if said[k] == NOBODY:
            continue
        wish = wish_of(levels[k, said[k]])
        score = scores[k, said[k]]
        if wish != 0 and (best == NOBODY or goes_before(wish, score, best_wish, best_score)):
            best = k
            best_wish = wish
            best_score = score
    return best


@inlined
def wish_of(level: float) -> int:
    """Return 1 for a wish to hold, -1 for a wish against, 0 for out."""
    if level > 0.0:
        return 1
    if level < 0.0:
        return -1
    return 0


@inlined
def goes_before(wish: int, score: int, earlier_wish: int, earlier_score: int) -> bool:
    """Tell whether a strategy's wish goes before that of one earlier in the order of priority."""
    if score != earlier_score:
        return bool(score > earlier_score)
    return wish > earlier_wish
