"""`trader validate STRATEGY`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, parameters
from trader_cli.cli.options import History, Named, Params, Rules, replay_wiring


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "validate")(_validate)


def _complete_checks(typed: str) -> list[str]:
    from trader_cli.jobs.validate import NAMES

    return [name for name in NAMES if name.startswith(typed)]


def _validate(
    run: Run,
    *,
    strategy: Named,
    check: Annotated[
        list[str] | None,
        typer.Option(help="Run this check only; repeatable.", metavar="NAME", autocompletion=_complete_checks),
    ] = None,
    workers: Annotated[
        str | None, typer.Option(help="Checks at once; 0 = as many as are worth it.", metavar="N")
    ] = None,
    seed: Annotated[str | None, typer.Option(help="Of everything random in the checks.", metavar="N")] = None,
    bars: History,
    param: Params = None,
    rules: Rules,
) -> Outcome:
    """Judge a strategy before it may trade money: named checks, one verdict."""
    from trader_cli.errors import ValidationError
    from trader_cli.jobs.validate import chosen_checks, measured_costs, validate

    names = chosen_checks(check) if check else None
    parts = replay_wiring(
        run,
        bars,
        rules,
        validate__workers=workers,
        validate__seed=seed,
    )
    request = parts.request(strategy, parameters(param))
    limits = parts.settings.validate
    done = validate(
        request,
        parts.bars,
        parts.instrument,
        parts.ledger,
        parts.now_ms(),
        names,
        measured_costs(parts.ledger, parts.settings.execution, limits.min_trades),
        run.note,
    )

    def view(console: Any) -> None:
        from trader_cli.cli.views_validate import verdict_view

        verdict_view(console, done.row)

    error = None
    if done.failed:
        said = f"`{request.label}` failed {len(done.failed)} of {len(done.verdict.checks)} checks: {', '.join(done.failed)}"
        error = ValidationError(said, f"`trader validate {request.label} --check {done.failed[0]}` runs one alone")
    return Outcome("validate/1", done.row, view, error)
