"""Why two runs of the same strategies end with different money: fill by fill, in parts that sum to the whole (X7).

A run's money is its cash at the start, what each fill took or brought, and what is held at the last price. With the same last
price for both runs every fill is therefore worth something by itself, and the gap is the sum of what differs between fills.
All sums are exact fractions of 1e-8 quote; only at the end are they rounded, so that the rounded parts still sum to the gap.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import floor

PARTS = ("data", "timing", "price", "fees", "missed_fills", "vetoes")
"""data: bars revised since. timing: bars decided late or not at all. price: another price for the same fill.
missed_fills: fills that one run alone has, or of another size. vetoes: orders that a limit, a halt or the venue forbade.
"""


@dataclass(frozen=True)
class Deal:
    """A fill, or all of one decision. notional, fee: 1e-8 quote; quantity: 1e-8 base, > 0. side: +1 buy, -1 sell.

    bar_ms: close of the bar that was decided on, which is the open of the one it fills in. late: it was decided late.
    """

    wallet: str
    symbol: str
    side: int
    quantity: Fraction
    notional: Fraction
    fee: Fraction
    bar_ms: int
    late: bool = False

    def part(self, quantity: Fraction) -> Deal:
        """Return so much of it, at the same price and rate."""
        share = quantity / self.quantity
        return replace(self, quantity=quantity, notional=self.notional * share, fee=self.fee * share)


@dataclass(frozen=True)
class Difference:
    """What one fill contributes to a part, 1e-8 quote, > 0 = the session has more."""

    part: str
    amount: Fraction
    wallet: str
    symbol: str
    side: int
    bar_ms: int
    text: str


Marks = Mapping[str, Fraction]
"""Last price by symbol, 1e-8 quote for 1e-8 base."""
Cause = Callable[[Deal], str]
"""Tells which part a fill belongs to that one run alone has."""


def equity_of(cash: int, deals: Iterable[Deal], marks: Marks) -> Fraction:
    """Return what an account has that began with `cash` (1e-8 quote) and made these deals."""
    return cash + sum((value_of(one, marks) for one in deals), Fraction(0))


def value_of(deal: Deal, marks: Marks) -> Fraction:
    """Return what a fill is worth at the last price, 1e-8 quote: what it moved, less what it cost."""
    return deal.side * (deal.quantity * marks[deal.symbol] - deal.notional) - deal.fee


def differences(session: Sequence[Deal], rerun: Sequence[Deal], marks: Marks, cause: Cause) -> list[Difference]:
    """Return what the session's fills brought beyond the re-run's; the amounts sum to the gap of the two, exactly.

    Fills of the same decision are compared in price and fee. What is left is paired with the nearest fill of the same side in
    another bar, unless the other side was traded in between: the same trade at another time, for `cause`'s reason or for none
    but time. The rest one run alone has: it is `cause` that says why; a sale of what only one run bought has the purchase's
    reason.
    """
    mine, theirs = _grouped(session), _grouped(rerun)
    found: list[Difference] = []
    for key in sorted(mine.keys() & theirs.keys(), key=_order):
        part = "timing" if mine[key].late else "price"
        mine[key], theirs[key] = _compare(mine[key], theirs[key], part, found)
    places = _Places(mine, theirs)
    for key in sorted((key for key in theirs if theirs[key].quantity), key=_order):
        other = places.nearest(theirs[key])
        if other is not None:
            why = cause(theirs[key])
            part = "timing" if why == "missed_fills" else why
            mine[other], theirs[key] = _compare(mine[other], theirs[key], part, found)
    found += _alone(mine, marks, cause, 1)
    found += _alone(theirs, marks, cause, -1)
    return found


def rounded(parts: Mapping[str, Fraction]) -> dict[str, int]:
    """Return whole units that sum to the rounded sum: each rounded down, and the largest remainders up."""
    whole = {name: floor(amount) for name, amount in parts.items()}
    left = round(sum(parts.values(), Fraction(0))) - sum(whole.values())
    by_rest = sorted(parts, key=lambda name: parts[name] - whole[name], reverse=True)
    # Of n parts the remainders sum to less than n: each gets at most one.
    return {name: units + (name in by_rest[:left]) for name, units in whole.items()}


_Key = tuple[str, str, int, int]


def _grouped(deals: Iterable[Deal]) -> dict[_Key, Deal]:
    found: dict[_Key, Deal] = {}
    for one in deals:
        key = (one.wallet, one.symbol, one.side, one.bar_ms)
        old = found.get(key)
        if old is None:
            found[key] = one
        else:
            found[key] = replace(
                old,
                quantity=old.quantity + one.quantity,
                notional=old.notional + one.notional,
                fee=old.fee + one.fee,
                late=old.late or one.late,
            )
    return found


def _order(key: _Key) -> tuple[int, _Key]:
    return key[3], key


def _compare(mine: Deal, theirs: Deal, part: str, found: list[Difference]) -> tuple[Deal, Deal]:
    """Note what the same amount cost more or less, and return what is left of both."""
    same = min(mine.quantity, theirs.quantity)
    own, other = mine.part(same), theirs.part(same)
    where = (mine.wallet, mine.symbol, mine.side, mine.bar_ms)
    price = own.side * (other.notional - own.notional)
    if price:
        found.append(Difference(part, price, *where, f"at {_price(own)} instead of {_price(other)}"))
    fee = other.fee - own.fee
    if fee:
        found.append(Difference("fees", fee, *where, f"fee {_bps(own)} bps instead of {_bps(other)}"))
    return mine.part(mine.quantity - same), theirs.part(theirs.quantity - same)


class _Places:
    """When which side of a symbol was traded in a wallet: by the session, and by either."""

    def __init__(self, mine: Mapping[_Key, Deal], theirs: Mapping[_Key, Deal]) -> None:
        self.mine = mine
        self.own: dict[tuple[str, str, int], list[int]] = defaultdict(list)
        self.any: dict[tuple[str, str, int], list[int]] = defaultdict(list)
        for key in sorted(mine.keys() | theirs.keys(), key=_order):
            self.any[key[:3]].append(key[3])
            if key in mine:
                self.own[key[:3]].append(key[3])

    def nearest(self, wanted: Deal) -> _Key | None:
        """Return the session's nearest fill of the same side that is not compared yet, with no turn of sides in between."""
        place, bar_ms = (wanted.wallet, wanted.symbol, wanted.side), wanted.bar_ms
        turns = self.any[wanted.wallet, wanted.symbol, -wanted.side]
        first, last = bisect_left(turns, bar_ms), bisect_right(turns, bar_ms)
        times = self.own[place]
        begin = bisect_left(times, turns[first - 1]) if first else 0
        end = bisect_right(times, turns[last]) if last < len(turns) else len(times)
        near = [one for one in times[begin:end] if self.mine[*place, one].quantity]
        return (*place, min(near, key=lambda one: (abs(one - bar_ms), one))) if near else None


def _alone(deals: Mapping[_Key, Deal], marks: Marks, cause: Cause, sign: int) -> list[Difference]:
    """Return what only one run has; sign: +1 the session, -1 the re-run."""
    open_: dict[tuple[str, str], list[tuple[str, Fraction]]] = defaultdict(list)
    found = []
    for key in sorted(deals, key=_order):
        deal = deals[key]
        if not deal.quantity:
            continue
        bought = open_[deal.wallet, deal.symbol]
        pieces: list[tuple[str, Deal]] = []
        left = deal
        while deal.side < 0 and bought and left.quantity:
            part, quantity = bought.pop()
            taken = min(quantity, left.quantity)
            if quantity > taken:
                bought.append((part, quantity - taken))
            pieces.append((part, left.part(taken)))
            left = left.part(left.quantity - taken)
        if left.quantity:
            part = cause(deal)
            pieces.append((part, left))
            if deal.side > 0:
                bought.append((part, left.quantity))
        who = "the session alone" if sign > 0 else "the re-run alone"
        for part, piece in pieces:
            verb = "bought" if deal.side > 0 else "sold"
            text = f"{who} {verb} {float(piece.quantity) / 1e8:.8g} at {_price(piece)}"
            found.append(Difference(part, sign * value_of(piece, marks), *key, text))
    return found


def _price(deal: Deal) -> str:
    return f"{float(deal.notional / deal.quantity):.8g}" if deal.quantity else "-"


def _bps(deal: Deal) -> str:
    return f"{float(deal.fee / deal.notional) * 10_000:.4g}" if deal.notional else "-"
