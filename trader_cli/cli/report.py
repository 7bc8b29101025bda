"""`trader report`: what the ledger knows of finished runs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command

app = typer.Typer()


@command(app, None)
def _report(
    run: Run,
    one: Annotated[str | None, typer.Option("--run", help="Show this run; the beginning of its id will do.")] = None,
    limit: Annotated[int, typer.Option(help="How many runs to list, newest first.", min=1)] = 20,
    strategy: Annotated[str | None, typer.Option(help="List only runs of this strategy.")] = None,
) -> Outcome:
    """What happened: the runs in the ledger, or one of them."""
    from dataclasses import asdict

    from trader_cli.cli.views import run_view, runs_view

    ledger = run.wiring().existing_ledger
    if one is not None:
        found = dict(ledger.run(one).stats)
        return Outcome("report.run/1", found, lambda console: run_view(console, found))
    runs = [asdict(summary) for summary in ledger.runs(limit, strategy)]
    return Outcome("report.list/1", {"runs": [_short(each) for each in runs]}, lambda console: runs_view(console, runs))


@command(app, "compare")
def _compare(
    run: Run,
    runs: Annotated[list[str], typer.Argument(help="Runs, by the beginning of their ids.", show_default=False)],
) -> Outcome:
    """Put runs side by side."""
    from dataclasses import asdict

    from trader_cli.cli.views import compare_view

    ledger = run.wiring().existing_ledger
    found = [asdict(ledger.run(prefix)) for prefix in runs]
    return Outcome(
        "report.compare/1", {"runs": [_short(each) for each in found]}, lambda console: compare_view(console, found)
    )


_LONG = ("monthly", "benchmark_monthly", "equity_line", "refused", "open_positions", "seconds", "notes")


def _short(summary: dict[str, Any]) -> dict[str, Any]:
    stats = {key: value for key, value in summary["stats"].items() if key not in _LONG}
    return {**summary, "stats": stats}
