"""`trader ledger`: does it prove itself, does it agree with the venue, and how it leaves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import DataError, RiskError, UsageError

if TYPE_CHECKING:
    from trader_cli.cli.examination import Examination
    from trader_cli.jobs.reconcile import Difference
    from trader_cli.jobs.tracing import Traced
    from trader_cli.model.session import Adjustment

app = typer.Typer(help="The ledger: verify, reconcile, export, backup, migrate.", no_args_is_help=True)


@command(app, "verify")
def _verify(run: Run) -> Outcome:
    """Check every hash, every sum and every balance."""
    from dataclasses import asdict

    from trader_cli.ledger.verify import verify

    ledger = run.wiring().existing_ledger
    with run.progress("verifying") as progress:
        findings = verify(ledger, progress)
    result = {"sound": not findings, "path": str(ledger.path or ""), "findings": [asdict(one) for one in findings]}

    def view(console: Any) -> None:
        for one in findings:
            where = one.table if one.row is None else f"{one.table} row {one.row}"
            console.print(f"{where}: {one.message}", markup=False)
        if not findings:
            console.print("the ledger adds up")

    error = DataError(f"the ledger is damaged: {len(findings)} findings", "go back to a backup that verifies")
    return Outcome("ledger.verify/1", result, view, error if findings else None)


@command(app, "export")
def _export(
    run: Run,
    folder: Annotated[Path, typer.Argument(help="Where the files go; made when missing.", show_default=False)],
    one: Annotated[str | None, typer.Option("--run", help="Only this run; the beginning of its id will do.")] = None,
) -> Outcome:
    """Write the ledger as CSV files and one beancount file."""
    from trader_cli.ledger.export import export

    files = export(run.wiring().existing_ledger, folder, one)
    names = [str(path) for path in files]
    return Outcome("ledger.export/1", {"files": names}, lambda console: console.print("\n".join(names), markup=False))


@command(app, "backup")
def _backup(
    run: Run,
    file: Annotated[Path, typer.Argument(help="The copy to write.", show_default=False)],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> Outcome:
    """Copy the ledger while others may be writing to it."""
    from trader_cli.ledger.backup import backup_at

    parts = run.wiring()
    size = backup_at(parts.settings.ledger.url, parts.home, file, force=force, now_ms=parts.now_ms())
    return Outcome(
        "ledger.backup/1",
        {"file": str(file), "bytes": size},
        lambda console: console.print(f"{file}: {size:,} bytes, verified", markup=False),
    )


@command(app, "migrate")
def _migrate(run: Run) -> Outcome:
    """Bring the ledger to this program's schema."""
    from trader_cli.ledger.backup import upgrade

    parts = run.wiring()
    before, after = upgrade(parts.settings.ledger.url, parts.home, parts.now_ms())
    text = f"schema {after}, nothing to do" if before == after else f"schema {before or 'none'} is now {after}"
    return Outcome("ledger.migrate/1", {"before": before, "after": after}, lambda console: console.print(text))


@command(app, "reconcile")
def _reconcile(
    run: Run,
    explain: Annotated[bool, typer.Option("--explain", help="Say what could explain each difference.")] = False,
    adopt: Annotated[bool, typer.Option("--adopt", help="The difference is ours: the book takes it.")] = False,
    write_off: Annotated[
        bool, typer.Option("--write-off", help="It is not: it counts as not ours, or as lost where ours is gone.")
    ] = False,
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; kept in the ledger.")] = None,
    asset: Annotated[str | None, typer.Option(metavar="BTC", help="Only this asset.")] = None,
    wallet: Annotated[str | None, typer.Option(metavar="NAME", help="Whose it is, where there are several.")] = None,
) -> Outcome:
    """Hold the venue's account against the book; a difference that nobody explains stops new orders."""
    from trader_cli.cli.cycle import alone, limited
    from trader_cli.cli.examination import Examination
    from trader_cli.jobs.reconcile import ADOPT, WRITE_OFF

    kind = _word(adopt=adopt, write_off=write_off, reason=reason)
    parts = run.wiring()
    made: list[Adjustment] = []
    with limited(parts.settings.cycle.limit_s) as left_ms:
        at = Examination(parts, left_ms, lambda _done, _of: None)
        found = _compared(at)
        if kind:
            with alone(parts, "live"):
                at.forget()
                made = _settle(at, ADOPT if adopt else WRITE_OFF, " ".join(str(reason).split()), asset, wallet)
                at.forget()
                found = _compared(at)
        found = [one for one in found if asset in (None, one.asset)]
        traces = {one.asset: _traced(at, one) for one in found if explain and one.is_alarm}
        told = {one.asset: _explained(at, one, traces[one.asset]) for one in found if one.asset in traces}
    alarms = [one for one in found if one.is_alarm]
    result = {
        "agrees": not alarms,
        "assets": [
            {**_row(one), **_trace(traces.get(one.asset)), "explanations": told.get(one.asset, [])} for one in found
        ],
        "adjustments": [{"asset": one.asset, "amount": one.amount, "kind": one.kind} for one in made],
    }
    error = None
    if alarms:
        names = ", ".join(f"{one.amount:+f} {one.asset}" for one in alarms)
        error = RiskError(
            f"the account differs from the book: {names}; nothing new is bought until somebody explains it",
            *(() if explain else ("`trader ledger reconcile --explain` shows what could",)),
            "`--adopt --reason …` makes it ours, `--write-off --reason …` says that it is not",
        )
    return Outcome("ledger.reconcile/1", result, lambda console: _reconcile_view(console, result), error)


def _word(*, adopt: bool, write_off: bool, reason: str | None) -> bool:
    """Tell whether a difference is to be settled. Raises UsageError for half a word, or two."""
    if adopt and write_off:
        raise UsageError(
            "`--adopt` and `--write-off` exclude each other", "settle one asset after the other: `--asset BTC`"
        )
    if (adopt or write_off) and not (reason or "").strip():
        raise UsageError("a word on a difference needs its reason", 'say why: `--reason "deposit of 1 May"`')
    return adopt or write_off


def _compared(at: Examination) -> list[Difference]:
    parts = at.parts
    account = parts.account
    if at.session is None:
        raise UsageError(
            f"there is no live session on account {account} of `{parts.settings.venue.id}` yet, so nothing to compare",
            "`trader live --once` begins one",
        )
    return at.differences()


def _settle(at: Examination, kind: str, reason: str, asset: str | None, wallet: str | None) -> list[Adjustment]:
    """Write the step that follows from the word, and say so among the system's events."""
    from trader_cli.jobs.adjusting import adjusted
    from trader_cli.jobs.reconcile import adjustments, chosen

    parts, session, step = at.parts, at.session, at.step
    if session is None or step is None:
        return []
    made = adjustments(chosen(at.differences(), asset), kind, reason, wallet, step.wallets)
    known = {one.symbol: one for one in session.instruments}
    instruments = [known.get(symbol) or parts.instrument(symbol, session.exchange) for symbol in step.symbols]
    settings = parts.settings.model_dump()
    parts.ledger.write_step(session.run_id, adjusted(session, step, instruments, settings, made, parts.now_ms()))
    for one in made:
        parts.ledger.record_event(parts.now_ms(), "reconcile", f"{one.kind} {one.amount} {one.asset}: {one.reason}")
    return made


def _traced(at: Examination, one: Difference) -> Traced:
    """Ask the venue what moved the account; that it cannot be asked explains nothing, and is said."""
    from decimal import Decimal

    from trader_cli.errors import VenueError
    from trader_cli.jobs.tracing import Traced, traced

    try:
        return traced(one, at.activity, at.agreed_ms, "" if at.post is None else at.post.venue.untold)
    except VenueError as error:
        return Traced((), Decimal(0), (f"what moved the account cannot be asked: {error.message}",))


def _trace(trace: Traced | None) -> dict[str, Any]:
    from trader_cli.jobs.summary import iso

    if trace is None:
        return {"activity": [], "accounted": "0"}
    rows = [
        {
            "kind": one.kind.value,
            "amount": f"{one.amount:f}",
            "time": iso(one.time_ms),
            "reference": one.reference,
            "text": one.text,
        }
        for one in trace.activity
    ]
    return {"activity": rows, "accounted": f"{trace.amount:f}"}


def _explained(at: Examination, one: Difference, trace: Traced) -> list[str]:
    from trader_cli.jobs.reconcile import explanations

    session, ledger = at.session, at.ledger
    records = ledger.orders(session.run_id, open_only=True) if session is not None and ledger is not None else []
    return explanations(one, at.open_orders, records, set(at.known), trace.sentences)


def _row(one: Difference) -> dict[str, Any]:
    return {
        "asset": one.asset,
        "venue": f"{one.venue:f}",
        "book": f"{one.book:f}",
        "outside": f"{one.outside:f}",
        "difference": f"{one.amount:f}",
        "worth": None if one.worth is None else f"{one.worth:.2f}",
        "traded": one.is_traded,
        "explained": not one.is_alarm,
    }


def _reconcile_view(console: Any, result: Any) -> None:
    from rich.table import Table
    from rich.text import Text

    for one in result["adjustments"]:
        console.print(f"{one['kind'].replace('_', ' ')}: {one['amount']} {one['asset']}", markup=False)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("asset", "venue", "book", "not ours", "difference", "worth", ""):
        table.add_column(title, justify="left" if title in ("asset", "") else "right")
    for row in result["assets"]:
        mark = "" if row["traded"] else "not traded here"
        cells = (row["venue"], row["book"], row["outside"], row["difference"], row["worth"] or "")
        table.add_row(row["asset"], *cells, Text(mark if row["explained"] else "unexplained"))
    console.print(table)
    for row in result["assets"]:
        for text in row["explanations"]:
            console.print(f"{row['asset']}: {text}", markup=False)
    if result["agrees"]:
        console.print("book and account agree")
