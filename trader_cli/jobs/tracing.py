"""Which deposits, withdrawals and trades by hand a difference of the account is made of, and what of it stays unexplained."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from trader_cli.jobs.reconcile import Difference
from trader_cli.jobs.summary import iso
from trader_cli.model.orders import Activity, ActivityKind
from trader_cli.model.session import Adjustment, CycleRecord, Session


@dataclass(frozen=True)
class Traced:
    """What of one difference the venue's own list of the account's activity accounts for, as sentences and as a sum."""

    activity: tuple[Activity, ...]
    amount: Decimal
    sentences: tuple[str, ...]


def agreed_ms(session: Session, cycles: Iterable[CycleRecord], adjustments: Iterable[tuple[int, Adjustment]]) -> int:
    """Return when account and book agreed last, ms UTC: a difference is made of what came later.

    cycles: of the session. A cycle that ended well found no difference, and whatever was settled by hand was one until then.
    """
    moments = [session.started_ms]
    moments += [one.started_ms for one in cycles if one.exit_code == 0]
    moments += [at_ms for at_ms, _ in adjustments]
    return max(moments)


def not_booked(activity: Iterable[Activity], is_known: Callable[[str], bool]) -> list[Activity]:
    """Return what is nobody's trade of this ledger. is_known: tells whether the ledger has an order of this client id."""
    return [one for one in activity if not (one.is_ours and is_known(one.client_id))]


def traced(one: Difference, activity: Sequence[Activity], since_ms: int, untold: str) -> Traced:
    """Return what accounts for a difference. activity: all that is not booked; untold: what the venue does not tell."""
    mine = tuple(each for each in activity if each.asset == one.asset)
    total = sum((each.amount for each in mine), Decimal(0))
    told = [_sentence(each) for each in mine]
    if mine:
        left = one.amount - total
        verdict = (
            "the whole difference" if left == 0 else f"{_text(left)} {one.asset} of the difference stay unexplained"
        )
        told.append(f"since {iso(since_ms)} that is {_text(total)} {one.asset} in all: {verdict}")
    if untold and total != one.amount:
        told.append(f"the venue's trading interface does not tell of {untold}: look at its own pages")
    return Traced(mine, total, tuple(told))


def _sentence(one: Activity) -> str:
    amount = f"{_text(one.amount)} {one.asset}"
    when = f"at {iso(one.time_ms)}"
    if one.kind is ActivityKind.TRADE:
        whose = "a trade of an order with our mark that this ledger does not know" if one.is_ours else "a trade by hand"
        return f"{whose} {when}: {one.text}, {amount} ({one.reference})"
    if one.kind is ActivityKind.OTHER:
        return f"`{one.text}` {when}: {amount} ({one.reference})"
    return f"a {one.kind.value} {when}: {amount} ({one.reference})"


def _text(number: Decimal) -> str:
    return f"{number.normalize():+f}"
