"""`trader doctor`: what is wrong with this home, what cures it, and with `--repair` the cure where it is safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import TraderError

if TYPE_CHECKING:
    from trader_cli.cli.examination import Examination
    from trader_cli.jobs.doctor import Check, Repair

_MARKS = {"ok": "green", "warn": "yellow", "fail": "red"}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "doctor")(_doctor)


def _doctor(
    run: Run,
    repair: Annotated[
        bool, typer.Option("--repair", help="Mend what is safe to mend; every repair is kept in the ledger.")
    ] = False,
) -> Outcome:
    """Look at configuration, data, ledger, venue, machine, orders and positions; each finding carries its cure."""
    from trader_cli.cli.cycle import limited
    from trader_cli.cli.examination import Examination, is_configured, kind_of
    from trader_cli.jobs.doctor import worst

    parts = run.wiring()
    repairs: list[Repair] = []
    if not is_configured(parts):
        checks = Examination(parts, lambda: 0, lambda _done, _of: None).checks()
    else:
        with limited(parts.settings.cycle.limit_s) as left_ms, run.progress("examining") as progress:
            if repair:
                # Before anything is asked: to ask the venue mends some of it in silence. What is shown is what is left.
                repairs = list(_mended(Examination(parts, left_ms, progress)))
            checks = Examination(parts, left_ms, progress).checks()
    result = {
        "healthy": all(one.status == "ok" for one in checks),
        "checks": [_row(one) for one in checks],
        "repairs": [{"area": one.area, "done": one.done, "message": one.sentence} for one in repairs],
    }
    error = None
    if (bad := worst(checks)) is not None:
        failures = sum(one.status == "fail" for one in checks)
        more = f", and {failures - 1} more" if failures > 1 else ""
        error = kind_of(bad.exit_code)(f"{bad.sentence}{more}", *bad.cures)
    return Outcome("doctor/1", result, lambda console: _view(console, result), error)


def _mended(at: Examination) -> Iterator[Repair]:
    """Mend what is safe, one thing after the other; what fails is said and does not keep the next from being tried."""
    from trader_cli.jobs.doctor import Repair

    work: tuple[tuple[str, Callable[[Examination], Iterator[str]]], ...] = (
        ("leases", _clear_leases),
        ("cached files", _set_aside),
        ("data", _ask_for_bars),
        ("unresolved orders", _recover),
        ("orphaned stops", _cancel_orphans),
    )
    for area, mend in work:
        try:
            for sentence in mend(at):
                at.parts.ledger.record_event(at.parts.now_ms(), "repair", f"{area}: {sentence}")
                yield Repair(area, True, sentence)
        except TraderError as error:
            yield Repair(area, False, error.message)


def _clear_leases(at: Examination) -> Iterator[str]:
    from trader_cli.config.health import clear_lease, leases

    for one in leases(at.parts.home / "locks"):
        if one.holder and not one.held and clear_lease(one):
            yield f"took the mark of process {one.holder} out of `{one.path.name}`, which nobody holds"


def _set_aside(at: Examination) -> Iterator[str]:
    from trader_cli.config.health import damaged, set_aside

    for path in damaged(at.copies):
        yield f"`{path.name}` was damaged and is `{set_aside(path).name}` now; it is made anew"


def _ask_for_bars(at: Examination) -> Iterator[str]:
    from trader_cli.fetching import fill_gaps

    if at.post is None:
        return
    for symbol in at.stale():
        before = at.newest(symbol)
        bars = at.post.feed.closed(symbol, at.timeframe, None)
        if len(bars) and int(bars.open_ms[-1]) > before:
            yield f"asked the venue for bars of `{symbol}`: {len(bars)} up to {_moment(int(bars.open_ms[-1]))}"
    for one in fill_gaps(at.parts, at.timeframe):
        if one.error is not None:
            raise one.error
        left = sum((end - first) // at.timeframe.ms for first, end in one.gaps)
        yield f"asked for the missing bars of `{one.wanted.symbol}`: {one.added} came, {left} the venue does not have"


def _recover(at: Examination) -> Iterator[str]:
    """Ask the venue what became of orders whose fate is open, as the next cycle would."""
    import time

    from trader_cli.cli.cycle import alone
    from trader_cli.jobs.venue_orders import Accounts, recover
    from trader_cli.trading import order_terms

    if at.post is None or at.session is None or not at.unresolved():
        return
    with alone(at.parts, "live"):
        before = {one.ticket.client_id for one in at.unresolved()}
        how = order_terms(at.parts, at.parts.ledger)
        recover(Accounts(at.post.venue, how, time.sleep, at.left_ms), at.session, at.parts.ledger)
    after = {one.ticket.client_id for one in at.unresolved()}
    for client_id in sorted(before - after):
        record = None if at.ledger is None else at.ledger.order(client_id)
        fate = "known" if record is None else record.state.value
        yield f"order {client_id} is {fate}: the venue was asked by its client id"


def _cancel_orphans(at: Examination) -> Iterator[str]:
    """Cancel stops and targets of ours that protect nothing, and no other order."""
    from trader_cli.cli.cycle import alone
    from trader_cli.errors import UnresolvedError
    from trader_cli.jobs.checkup import orphans
    from trader_cli.model.orders import Cancelled

    if at.post is None or not at.has_key or not orphans(at.open_orders, at.known, at.held)[0]:
        return
    with alone(at.parts, "live"):
        # Looked at again under the lease: a cycle that just ended may have taken them back itself.
        at.forget()
        for order in orphans(at.open_orders, at.known, at.held)[0]:
            done = at.post.venue.cancel(order.venue_id, order.symbol)
            if done is Cancelled.UNKNOWN:
                raise UnresolvedError(f"whether order {order.venue_id} on {order.symbol} is cancelled is not known")
            yield f"cancelled order {order.venue_id} on {order.symbol}, which protected no position"


def _moment(ms: int) -> str:
    from trader_cli.jobs.summary import iso

    return iso(ms)


def _row(one: Check) -> dict[str, object]:
    return {
        "area": one.area,
        "status": one.status,
        "number": one.number,
        "message": one.sentence,
        "cures": list(one.cures),
        "exit_code": one.exit_code,
    }


def _view(console: Any, result: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    for one in result["repairs"]:
        word = "mended" if one["done"] else "not mended"
        console.print(Text(f"{word}: {one['area']}: {one['message']}", style="green" if one["done"] else "red"))
    if result["repairs"]:
        console.print()
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for row in result["checks"]:
        mark = Text(row["status"], style=_MARKS[row["status"]])
        table.add_row(mark, Text(row["area"]), Text(row["message"]))
        if row["status"] != "ok":
            for cure in row["cures"]:
                table.add_row("", "", Text(f"hint: {cure}"))
    console.print(table)
    counts = {word: sum(row["status"] == word for row in result["checks"]) for word in ("fail", "warn")}
    console.print(
        f"failed: {counts['fail']}, warnings: {counts['warn']}" if any(counts.values()) else "everything is well"
    )
