"""Self-diagnosis (R0.7): a finding says what was looked at, what was found, and what cures it; the worst one decides the exit.

Nothing here looks by itself: whoever wires it hands over what the ledger, the venue and the machine say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from trader_cli.errors import RiskError, TraderError, VenueError
from trader_cli.model.orders import Balance

OK = "ok"
WARN = "warn"
FAIL = "fail"
_MS = 1000


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. number: what was counted or measured, text; exit_code: of a failure, else 0."""

    area: str
    status: str
    number: str
    sentence: str
    cures: tuple[str, ...] = ()
    exit_code: int = 0


@dataclass(frozen=True)
class Repair:
    """One thing that was mended, or could not be."""

    area: str
    done: bool
    sentence: str


def fine(area: str, number: object, sentence: str) -> Check:
    """Return a check with nothing to do."""
    return Check(area, OK, str(number), sentence)


def warned(area: str, number: object, sentence: str, *cures: str) -> Check:
    """Return a check that somebody should look at."""
    return Check(area, WARN, str(number), sentence, cures)


def failed(area: str, number: object, sentence: str, kind: type[TraderError], *cures: str) -> Check:
    """Return a check that failed; kind: the error it would be elsewhere, which gives the exit code."""
    return Check(area, FAIL, str(number), sentence, cures, kind.exit_code)


def examined(area: str, look: Callable[[], Iterable[Check]]) -> list[Check]:
    """Return what a look finds; what cannot be looked at is a failure of its kind, and ends no other look."""
    found: list[Check] = []
    try:
        found.extend(look())
    except TraderError as error:
        found.append(Check(area, FAIL, "", error.message, error.hints, error.exit_code))
    return found


def worst(checks: Iterable[Check]) -> Check | None:
    """Return the most serious failure: unresolved (7) before risk (6) before venue (5) before data (4); None for none."""
    failures = [one for one in checks if one.status == FAIL]
    return max(failures, key=lambda one: one.exit_code, default=None)


class Asked(Protocol):
    """What the doctor asks of a venue."""

    id: str
    account: str

    def skew_ms(self) -> int:
        """Ask the venue's clock; return ours minus theirs."""
        ...

    def wait_ms(self, kind: str) -> int:
        """Return how long the budget asks us to wait before a request of this kind."""
        ...

    def load_pct(self, symbol: str) -> float:
        """Return how full the venue's order counter of a market is."""
        ...


def check_venue(
    venue: Asked,
    balances: Callable[[], Mapping[str, Balance]] | None,
    symbols: Sequence[str],
    skew_most_ms: int,
    patience_ms: int,
) -> Iterable[Check]:
    """Look at a venue: does it answer, do the clocks agree, does the key read, what is left of the budget.

    balances: asks for them, None = there is no key. patience_ms: how long a cycle can wait for its turn.
    """
    skew = venue.skew_ms()
    yield fine("venue", venue.id, f"`{venue.id}` answers")
    told = (
        f"our clock is {abs(skew)} ms {'ahead of' if skew > 0 else 'behind'} the venue's, {skew_most_ms} ms are allowed"
    )
    if abs(skew) > skew_most_ms:
        cure = "set the machine's clock, and let it be kept: `timedatectl set-ntp true`"
        yield failed("clock skew", f"{skew} ms", told, VenueError, cure)
    else:
        yield fine("clock skew", f"{skew} ms", told)
    if balances is None:
        told = "no key of the venue is stated: `paper` works, `live` does not"
        yield warned("credentials", 0, told, "`trader live arm` says where key and secret belong")
    else:
        yield from examined("credentials", lambda: _credentials(venue, balances))
    yield from examined("rate budget", lambda: _budget(venue, symbols, patience_ms))


def _credentials(venue: Asked, balances: Callable[[], Mapping[str, Balance]]) -> Iterable[Check]:
    held = sum(1 for one in balances().values() if one.total > 0)
    told = f"the key of account {venue.account} reads balances"
    yield fine("credentials", held, told)


def _budget(venue: Asked, symbols: Sequence[str], patience_ms: int) -> Iterable[Check]:
    waits = {kind: venue.wait_ms(kind) for kind in ("place", "cancel", "read")}
    fullest = max((venue.load_pct(one) for one in symbols), default=0.0)
    number = f"{fullest:.0f} %"
    late = ", ".join(f"`{kind}` in {ms / _MS:.1f} s" for kind, ms in waits.items() if ms > 0)
    if max(waits.values()) > patience_ms:
        yield warned("rate budget", number, f"the rate budget is used up: {late}", "wait; asking on makes it longer")
    else:
        told = f"the fullest order counter is at {number}"
        yield fine("rate budget", number, f"{told}; {late or 'every kind of request may go at once'}")


def check_balances(alarms: Mapping[str, Decimal], assets: int) -> Check:
    """Look at what differs between account and book and nobody explained, by asset."""
    if not alarms:
        return fine("balances", assets, "book and account agree")
    told = ", ".join(f"{amount:+f} {asset}" for asset, amount in alarms.items())
    return failed(
        "balances",
        len(alarms),
        f"the account differs from the book, and nobody explained it: {told}",
        RiskError,
        "`trader ledger reconcile --explain` shows what could",
        "then `--adopt` or `--write-off`, with `--reason`",
    )


def check_halts(halted: Mapping[str, str]) -> Check:
    """Look at what is halted, by scope, with the reason."""
    if not halted:
        return fine("halts", 0, "nothing is halted")
    told = "; ".join(f"{scope}: {reason}" for scope, reason in halted.items())
    return warned("halts", len(halted), f"halted, so that nothing enters: {told}", "`trader risk resume --reason …`")
