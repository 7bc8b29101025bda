"""Every limit that is on, with its number as a book stood at one close (X6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from trader_cli.engine.state import CASH, COOL_UNTIL, DAY_WORTH, LOSSES_IN_ROW, PEAK, QUANTITY, TRIPPED_BY, Book
from trader_cli.jobs.summary import iso
from trader_cli.model.fills import Refusal
from trader_cli.model.instrument import Instrument

_QUIET = "refused nothing here at that bar"


@dataclass(frozen=True)
class Measured:
    """A limit that is on. number: as it was measured, "" where only a refusal states it. limit: as configured."""

    rule: str
    number: str
    limit: str
    unit: str
    note: str = ""

    @property
    def text(self) -> str:
        """The limit as a sentence."""
        unit = f" {self.unit}" if self.unit else ""
        told = f"{self.number}{unit}, limit {self.limit}{unit}" if self.number else f"limit {self.limit}{unit}"
        note = self.note or ("" if self.number else _QUIET)
        return f"{self.rule.replace('_', ' ')}: {told}" + (f", {note}" if note else "")


@dataclass(frozen=True, eq=False)
class Stand:
    """A book after the decision at one close. marks: price units by symbol. row: the symbol's in its wallet.

    confidence: the wish's own, NaN = none stated. gap_bars: bars since the one before.
    """

    book: Book
    instruments: Sequence[Instrument]
    marks: Sequence[int]
    unallocated: int
    row: int
    confidence: float
    gap_bars: int
    close_ms: int

    def worth(self, row: int) -> int:
        """What a row holds at its mark, 1e-8 quote."""
        s = row % len(self.instruments)
        return self.instruments[s].value_units(self.marks[s], int(self.book.position[row, QUANTITY]))


def measured_limits(config: Mapping[str, Any], stand: Stand) -> list[Measured]:
    """Return the limits of section `risk` that are on, each with its number where the book alone gives it."""
    risk = {name: Decimal(str(value)) for name, value in config["risk"].items() if not isinstance(value, bool)}
    return list(_limits(risk, stand))


def _limits(risk: Mapping[str, Decimal], stand: Stand) -> Iterator[Measured]:
    book, rows = stand.book, len(stand.book.position)
    count = len(stand.instruments)
    w = stand.row // count
    held = [stand.worth(row) for row in range(rows)]
    mine = held[w * count : (w + 1) * count]
    purse, account = book.wallet[w], book.wallet[-1]
    wallet = int(purse[CASH]) + sum(mine)
    whole = int(account[CASH]) + stand.unallocated + sum(held)
    positions = int(np.count_nonzero(book.position[:, QUANTITY]))
    numbers = {
        "max_positions": (str(positions), ""),
        "max_symbol_pct": (_pct(held[stand.row], whole), "%"),
        "max_wallet_pct": (_pct(sum(mine), wallet), "%"),
        "max_gross_pct": (_pct(sum(held), whole), "%"),
        "cash_reserve_pct": (_pct(int(purse[CASH]), wallet), "%"),
        "min_confidence": ("" if np.isnan(stand.confidence) else f"{stand.confidence:.6g}", ""),
        "max_gap_bars": (str(stand.gap_bars), ""),
        "daily_loss_pct": (_fall(whole, int(account[DAY_WORTH]) + stand.unallocated), "%"),
        "drawdown_pct": (_fall(whole, int(account[PEAK]) + stand.unallocated), "%"),
        "wallet_daily_loss_pct": (_fall(wallet, int(purse[DAY_WORTH])), "%"),
        "wallet_drawdown_pct": (_fall(wallet, int(purse[PEAK])), "%"),
        "losing_streak": (str(int(purse[LOSSES_IN_ROW])), ""),
        "max_correlation": ("", ""),
        "max_var_pct": ("", "%"),
        "max_cvar_pct": ("", "%"),
        "min_notional": ("", ""),
    }
    for name, (number, unit) in numbers.items():
        if risk.get(name, Decimal(0)) > 0:
            note = ""
            if name == "losing_streak" and purse[COOL_UNTIL] > stand.close_ms:
                note = f"the wallet pauses until {iso(int(purse[COOL_UNTIL]))}"
            yield Measured(name, number, f"{risk[name].normalize():f}", unit, note)
    for scope, one in (("this wallet", purse), ("the account", account)):
        if one[TRIPPED_BY]:
            rule = Refusal(int(one[TRIPPED_BY])).label
            yield Measured("breaker", "", rule, "", f"{scope} enters nothing: {rule.replace('_', ' ')}")


def _pct(part: int, whole: int) -> str:
    return f"{Decimal(part) * 100 / whole:.2f}" if whole > 0 else ""


def _fall(now: int, before: int) -> str:
    return _pct(max(before - now, 0), before)
