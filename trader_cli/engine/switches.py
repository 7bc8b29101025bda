"""Which rules are on, found once a run: a rule that is off then costs a bar nothing, not even the question."""

from __future__ import annotations

from typing import Any, NamedTuple

from trader_cli.compiler import called
from trader_cli.engine.state import CLOSING, LATE
from trader_cli.risk import columns as of
from trader_cli.risk.rules import SIZE_FRACTION


class Switches(NamedTuple):
    """stated: the strategy has levels of its own. protected: a position can end inside a bar. guarded: one can be closed
    by a rule at a close. watching: every close of the whole book is looked at. valued: sizing or a limit reads what the
    wallets are worth. legs: there are trades of two legs.
    """

    stated: bool
    protected: bool
    guarded: bool
    watching: bool
    valued: bool
    legs: bool


@called
def read_switches(market: Any, book: Any, work: Any, rules: Any) -> Any:
    """Return the switches of a run."""
    stated = market.signals.shape[0] > 1
    levels = rules[of.STOP_RATE] + rules[of.TARGET_RATE] + rules[of.TRAIL_RATE] + rules[of.STOP_MULTIPLE]
    levels += rules[of.TRAIL_MULTIPLE] + rules[of.BREAK_EVEN_RATE] + rules[of.MICRO_RATE] + rules[of.PARTIAL_RATE]
    closing = rules[of.CLOSES]
    for w in range(book.wallet.shape[0]):
        closing += book.wallet[w, CLOSING]
    for s in range(book.position.shape[0]):
        closing += book.position[s, LATE]
    guarded = rules[of.TRAIL_MULTIPLE] + rules[of.HOLD_BARS] + rules[of.HIGH_SCORE] + closing
    losses = rules[of.ALL_DAILY_RATE] + rules[of.ALL_DRAWDOWN_RATE]
    losses += rules[of.WALLET_DAILY_RATE] + rules[of.WALLET_DRAWDOWN_RATE]
    watching = losses > 0 or (rules[of.HIGH_SCORE] > 0 and rules[of.HIGH_SHARE_RATE] > 0)
    shares = rules[of.MAX_SYMBOL_RATE] + rules[of.MAX_WALLET_RATE] + rules[of.MAX_GROSS_RATE] + rules[of.RESERVE_RATE]
    shares += rules[of.MAX_VAR_RATE] + rules[of.MAX_CVAR_RATE]
    valued = rules[of.SIZE_METHOD] >= SIZE_FRACTION or shares > 0
    return Switches(stated, stated or levels > 0, guarded > 0, watching, valued, work.legs.shape[0] > 0)
