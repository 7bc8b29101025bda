"""What the risk engine did and why, as the ledger keeps it and reports show it."""

from __future__ import annotations

import re
from dataclasses import dataclass

ALL = "all"
"""The scope that is the whole account, and so the name no wallet can have."""
_WALLET_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def is_wallet_name(name: str) -> bool:
    """Tell whether `name` can be a wallet's: a part of account names, and not the word for all of them."""
    return name != ALL and _WALLET_NAME.fullmatch(name) is not None


@dataclass(frozen=True)
class RiskEvent:
    """One episode in which a rule spoke: a refusal, a breaker, a decision between strategies, a halt or a resumption.

    time_ms, last_ms: ms UTC, close of the first and of the last bar of the episode. count: bars in it. kind: `refusal`,
    `breaker`, `conflict`, `halt` or `resume`. wallet, strategy, symbol: empty where none is meant. rule: its name.
    number, limit: what was measured and what was allowed, decimal text in `unit`, empty where the rule has none.
    """

    time_ms: int
    last_ms: int
    count: int
    kind: str
    wallet: str
    strategy: str
    symbol: str
    rule: str
    number: str
    limit: str
    unit: str
    message: str


@dataclass(frozen=True)
class WalletRecord:
    """What one wallet began and ended with; money in 1e-8 quote, share in 1e-8 of the account.

    strategies: names, in order of priority. equity_end: cash and holdings at their last price. pnl: of closed round
    trips. halted: the rule that keeps it from entering, empty when none does.
    """

    name: str
    strategies: tuple[str, ...]
    share: int
    cash_start: int
    cash_end: int
    equity_end: int
    trades: int
    pnl: int
    halted: str


@dataclass(frozen=True)
class StrategyRecord:
    """One strategy's part in a run: code_digest is SHA-256 of its source and the engine; money in 1e-8 quote."""

    name: str
    wallet: str
    code_digest: str
    trades: int
    pnl: int
    fees: int
