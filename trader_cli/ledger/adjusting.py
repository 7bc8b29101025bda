"""What a step's explained differences move, and whether the step says what its fills and they give."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal, InvalidOperation

import numpy as np
from sqlalchemy import RowMapping

from trader_cli.errors import DataError
from trader_cli.ledger.posting import Move, holding_accounts, wallet_accounts
from trader_cli.model.instrument import CASH_ONE
from trader_cli.model.session import Adjustment, StepRecord

ADOPT = "adopt"
WRITE_OFF = "write_off"


@dataclass(frozen=True)
class Plan:
    """moves: one an adjustment, None where nothing of ours changed."""

    moves: tuple[Move | None, ...]


def amount_of(one: Adjustment) -> int:
    """Return an adjustment's amount in 1e-8, what is finer left off. Raises DataError for a text that is no number."""
    try:
        value = Decimal(one.amount)
        return int((value * CASH_ONE).to_integral_value(ROUND_DOWN))
    except (InvalidOperation, ValueError, OverflowError):
        raise DataError(f"`{one.amount}` is no amount of {one.asset}") from None


class _Expected:
    """What cash and holdings must be by the step before and the new fills; adjustments change it."""

    def __init__(self, record: StepRecord, owners: Sequence[str], quote: str, last: RowMapping) -> None:
        step, fills = record.step, record.fills
        self.owners, self.quote = owners, quote
        self.symbols, self.bases = step.symbols, [one.base for one in record.instruments]
        self.stated = {(w, s): step.holdings[w * len(step.symbols) + s] for w, s in self._places()}
        before = json.loads(last["symbols"])
        self.held = dict.fromkeys(self.stated, 0)
        for i, held in enumerate(json.loads(last["holdings"])):
            self.held[i // len(before), step.symbols.index(before[i % len(before)])] = held
        for w, s, change in zip(
            fills.wallet.tolist(), fills.symbol.tolist(), (fills.side * fills.quantity).tolist(), strict=True
        ):
            self.held[w, s] += change
        self.cash = last["cash"] - int(np.sum(fills.side * fills.notional + fills.fee))
        self.stated_cash = step.cash

    def _places(self) -> Iterator[tuple[int, int]]:
        return ((w, s) for w in range(len(self.owners)) for s in range(len(self.symbols)))

    def owner(self, one: Adjustment, wallets: Sequence[str]) -> int | None:
        """Return the index of an adjustment's wallet, None where it names none and there are several."""
        if one.wallet and one.wallet not in wallets:
            raise DataError(f"there is no wallet `{one.wallet}` in this session")
        if len(wallets) == 1:
            return 0
        return wallets.index(one.wallet) if one.wallet else None

    def adopt(self, one: Adjustment, owner: int | None) -> Move | None:
        amount = amount_of(one)
        source = f"equity:adopted:{one.asset}"
        if one.asset == self.quote:
            self.cash += amount
            return _move(ADOPT, self._cash_account(owner), source, self.quote, amount)
        if owner is None or one.asset not in self.bases:
            raise DataError(
                f"{one.asset} cannot become this session's: it has no place in its book",
                "name the wallet it belongs to" if one.asset in self.bases else "write it off: it is not traded here",
            )
        self.held[owner, self.bases.index(one.asset)] += amount
        return _move(ADOPT, holding_accounts(self.owners[owner], one.asset)[0], source, one.asset, amount)

    def write_off(self, one: Adjustment, owner: int | None) -> Move | None:
        """Take what the step says is gone, up to the amount: what was never ours leaves no entry."""
        left = max(-amount_of(one), 0)
        lines: list[tuple[str, str, int]] = []
        if one.asset == self.quote:
            lost = min(left, max(self.cash - self.stated_cash, 0))
            self.cash -= lost
            lines.append((self._cash_account(owner), self.quote, -lost))
        else:
            for (w, s), held in self.held.items():
                if self.bases[s] == one.asset and owner in (None, w):
                    lost = min(left, max(held - self.stated[w, s], 0))
                    self.held[w, s] -= lost
                    left -= lost
                    lines.append((holding_accounts(self.owners[w], one.asset)[0], one.asset, -lost))
        lines = [line for line in lines if line[2]]
        whole = -sum(amount for _, _, amount in lines)
        return Move(WRITE_OFF, (*lines, (f"equity:written-off:{one.asset}", one.asset, whole))) if lines else None

    def _cash_account(self, owner: int | None) -> str:
        return f"assets:cash:{self.quote}" if owner is None else wallet_accounts(self.owners[owner], self.quote)[0]

    def differences(self) -> Iterator[str]:
        if self.cash != self.stated_cash:
            yield f"cash {self.stated_cash}, its fills and adjustments give {self.cash}"
        for (w, s), held in self.held.items():
            if held != self.stated[w, s]:
                yield f"{self.stated[w, s]} of `{self.symbols[s]}`, its fills and adjustments give {held}"


def plan_moves(record: StepRecord, owners: Sequence[str], quote: str, last: RowMapping) -> Plan:
    """Return what a step's adjustments move. Raises DataError where cash, holdings or equity are not what all of it gives."""
    step = record.step
    expected = _Expected(record, owners, quote, last)
    moves = []
    for one in record.adjustments:
        if one.kind not in (ADOPT, WRITE_OFF):
            raise DataError(f"`{one.kind}` is no adjustment, it is `{ADOPT}` or `{WRITE_OFF}`")
        owner = expected.owner(one, step.wallets)
        moves.append(expected.adopt(one, owner) if one.kind == ADOPT else expected.write_off(one, owner))
    for text in expected.differences():
        raise DataError(
            f"step {step.seq} says {text} (1e-8)", "nothing was written; `trader ledger reconcile --explain`"
        )
    count = len(step.symbols)
    worth = sum(
        record.instruments[i % count].value_units(step.marks[i % count], held) for i, held in enumerate(step.holdings)
    )
    if step.cash + worth != step.equity:
        raise DataError(f"step {step.seq} says equity {step.equity}, cash and holdings give {step.cash + worth} (1e-8)")
    return Plan(tuple(moves))


def _move(kind: str, account: str, source: str, asset: str, amount: int) -> Move | None:
    return Move(kind, ((account, asset, amount), (source, asset, -amount))) if amount else None
