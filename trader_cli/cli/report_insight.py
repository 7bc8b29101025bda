"""`trader report why-not`, `drift`, `costs` and `strategies`: what the ledger's own record says of what did not happen."""

from __future__ import annotations

from typing import Annotated

import typer

from trader_cli.cli.kit import Outcome, Run, command


def register(app: typer.Typer) -> None:
    """Add the commands to `trader report`."""
    command(app, "why-not")(_why_not)


def _why_not(
    run: Run,
    moment: Annotated[str, typer.Argument(metavar="SYMBOL@TIME", help="When nothing was traded, UTC.")],
    one: Annotated[
        str | None,
        typer.Option("--run", help="In this session or backtest; default: live, else paper, else the newest backtest."),
    ] = None,
) -> Outcome:
    """Print why nothing was bought or sold then: bar, indicators, signal, conflict, each limit, order rule, fill."""
    from dataclasses import asdict

    from trader_cli.cli.views_insight import why_not_view
    from trader_cli.jobs.why_not import Place, asked_for, chosen_run, why_not
    from trader_cli.ledger.asked import asked_of

    symbol, when = asked_for(moment)
    parts = run.wiring()
    ledger = parts.existing_ledger
    meant = ledger.run(one) if one is not None else chosen_run(ledger.runs(), symbol, when)
    asked = asked_of(ledger, meant.run_id)
    is_session = asked.mode != "backtest"
    # A session reads all there is before its first bar; a backtest its own span only.
    since = _since(asked.config) if is_session else meant.start_ms
    request = parts.again(asked, meant.symbols, since, meant.end_ms)
    place = Place(ledger, asked, meant, request, parts.bars, parts.instrument)
    result = asdict(why_not(place, symbol, when))
    return Outcome("report.why-not/1", result, lambda console: why_not_view(console, result))


def _since(config: object) -> int | None:
    """Return the first moment that a session's bars are read from, ms UTC, None = as far back as there is."""
    from collections.abc import Mapping

    from trader_cli.config.moment import time_ms

    data = config.get("data") if isinstance(config, Mapping) else None
    return time_ms(str(data.get("since", "")), "data.since") if isinstance(data, Mapping) else None
