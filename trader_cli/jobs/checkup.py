"""What the doctor looks at in a session: orders of unknown fate, stops without a position, cycles that fail or stay away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trader_cli.engine.snapshot import unpack
from trader_cli.engine.state import FLOOR, QUANTITY
from trader_cli.errors import RiskError, StrategyError, TraderError, UnresolvedError
from trader_cli.jobs.doctor import Check, failed, fine, warned
from trader_cli.jobs.summary import iso
from trader_cli.model.orders import Purpose, VenueOrder
from trader_cli.model.session import CycleRecord, OrderRecord, Step

_MINUTE_MS = 60_000
_PROTECTION = (Purpose.STOP, Purpose.TARGET)


@dataclass(frozen=True)
class Held:
    """One position of the book. quantity: 1e-8 base; has_stop: the book knows a stop that must rest at the venue."""

    wallet: str
    symbol: str
    quantity: int
    has_stop: bool


def held_by(step: Step) -> list[Held]:
    """Return the positions of a session's newest step."""
    book = unpack(step.state, step.symbols, step.wallets, step.symbols, step.wallets)
    found = []
    for row in range(len(book.position)):
        w, s = divmod(row, len(step.symbols))
        if quantity := int(book.position[row, QUANTITY]):
            found.append(Held(step.wallets[w], step.symbols[s], quantity, int(book.position[row, FLOOR]) > 0))
    return found


def check_unresolved(records: Iterable[OrderRecord], now_ms: int) -> Check:
    """Look at orders whose fate is open: they keep everything new from their market."""
    open_questions = [one for one in records if one.state.is_unresolved]
    if not open_questions:
        return fine("unresolved orders", 0, "the fate of every order is known")
    oldest = min(one.ticket.created_ms for one in open_questions)
    symbols = ", ".join(sorted({one.ticket.symbol for one in open_questions}))
    return failed(
        "unresolved orders",
        len(open_questions),
        f"the fate of {_many(len(open_questions), 'order')} on {symbols} is open, of the oldest for {_span(now_ms - oldest)}",
        UnresolvedError,
        "the next cycle asks the venue again, and so does `trader doctor --repair`",
    )


def orphans(
    open_orders: Iterable[VenueOrder], known: Mapping[str, OrderRecord], held: Sequence[Held]
) -> tuple[list[VenueOrder], list[VenueOrder]]:
    """Return (stops and targets of ours without a position, orders with our mark that the ledger does not know).

    known: the ledger's records by client id. Orders that are not ours are nobody's business here (C15).
    """
    places = {(one.wallet, one.symbol) for one in held}
    loose, unknown = [], []
    for order in open_orders:
        if not order.is_ours:
            continue
        if (record := known.get(order.client_id)) is None:
            unknown.append(order)
        elif record.ticket.purpose in _PROTECTION and (record.ticket.wallet, record.ticket.symbol) not in places:
            loose.append(order)
    return loose, unknown


def check_protection(
    open_orders: Sequence[VenueOrder], known: Mapping[str, OrderRecord], held: Sequence[Held]
) -> Iterable[Check]:
    """Look at positions and the stops that rest for them at the venue, both ways."""
    resting: dict[tuple[str, str], int] = {}
    for order in open_orders:
        record = known.get(order.client_id)
        # A sale under way protects as a stop does: the position is about to end.
        if record is not None and record.ticket.side < 0:
            place = (record.ticket.wallet, record.ticket.symbol)
            resting[place] = max(resting.get(place, 0), record.ticket.quantity - record.filled)
    bare = [one for one in held if one.has_stop and (one.wallet, one.symbol) not in resting]
    if bare:
        names = ", ".join(f"{one.symbol} ({one.wallet})" for one in bare)
        told = f"no stop rests at the venue for {names}"
        yield failed("protection", len(bare), told, RiskError, "the next cycle places it: `trader live --once`")
    else:
        count = sum(one.has_stop for one in held)
        told = (
            "no position"
            if not held
            else f"{count} of {_many(len(held), 'position')} with a stop, which rests at the venue"
        )
        yield fine("protection", count, told)
    loose, unknown = orphans(open_orders, known, held)
    if loose:
        told = f"{_many(len(loose), 'stop or target', 'stops or targets')} of ours protect no position: {_named(loose)}"
        yield failed("orphaned stops", len(loose), told, RiskError, "`trader doctor --repair` cancels them")
    else:
        yield fine("orphaned stops", 0, "no stop of ours without its position")
    if unknown:
        told = f"{_many(len(unknown), 'order')} with our mark at the venue, unknown to this ledger: {_named(unknown)}"
        yield failed(
            "lost orders",
            len(unknown),
            told,
            UnresolvedError,
            "was the ledger put back from an old copy? use the newest one, or cancel them at the venue by hand",
        )


def check_cycles(
    cycles: Sequence[CycleRecord], now_ms: int, bar_ms: int, stale_bars: int, mode: str
) -> Iterable[Check]:
    """Look at the heartbeat: when the last cycle ended and how, and which errors the newest ones ended with. Newest first."""
    area = f"{mode} cycles"
    if not cycles:
        yield fine(area, 0, "no cycle yet")
        return
    last = cycles[0]
    age = now_ms - last.ended_ms
    told = f"the last cycle ended {_span(age)} ago, at {iso(last.ended_ms)}: {last.outcome}"
    counts = Counter(one.outcome for one in cycles if one.exit_code)
    if age > (stale_bars + 2) * bar_ms:
        cure = "does cron still start it? `crontab -l`, or `systemctl list-timers`"
        yield warned(area, _span(age), f"{told}; a bar is {_span(bar_ms)} long", cure)
    elif last.exit_code:
        yield warned(
            area, _span(age), f"{told}: {last.message}", "its own hints say what to do; run one by hand with `-v`"
        )
    else:
        yield fine(area, _span(age), told)
    if counts:
        found = ", ".join(f"{name} {count} times" for name, count in counts.most_common())
        total = sum(counts.values())
        yield warned(f"{mode} errors", total, f"{total} of the newest {_many(len(cycles), 'cycle')} failed: {found}")


def check_deployed(loads: Mapping[str, TraderError | None], changed: Sequence[str]) -> Iterable[Check]:
    """Look at the deployed strategies: what keeps each from loading, None where nothing does; whose code changed since."""
    area = "strategies"
    if not loads:
        yield fine(area, 0, "none is deployed: `paper` and `live` have nothing to do")
        return
    broken = {name: error for name, error in loads.items() if error is not None}
    for name, error in broken.items():
        yield failed(area, name, f"deployed, and cannot be loaded: {error.message}", StrategyError, *error.hints)
    for name in changed:
        cure = f"look at it and deploy it again: `trader strategy deploy {name}`"
        yield warned(area, name, f"`{name}` or the program changed since it was deployed", cure)
    if not broken and not changed:
        yield fine(area, len(loads), f"{_many(len(loads), 'deployed strategy', 'deployed strategies')}, unchanged")


def _named(orders: Sequence[VenueOrder]) -> str:
    return ", ".join(f"{one.venue_id} on {one.symbol}" for one in orders)


def _many(count: int, one: str, more: str = "") -> str:
    return f"{count} {one if count == 1 else more or one + 's'}"


def _span(ms: int) -> str:
    """Return a length of time in its largest whole unit."""
    minutes = max(ms, 0) // _MINUTE_MS
    if minutes < 1:
        return f"{max(ms, 0) // 1000} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
