"""`trader ledger`: does it prove itself, and how it leaves the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import DataError

app = typer.Typer(help="The ledger: verify, export, backup, migrate.", no_args_is_help=True)


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
