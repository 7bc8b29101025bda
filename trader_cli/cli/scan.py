"""`trader scan`: every strategy's signal for every symbol now, ranked; and what was left out by which number."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters, split
from trader_cli.cli.options import BarLength, Cash, Params, Since, Symbols

if TYPE_CHECKING:
    from trader_cli.jobs.scan import Scanned


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "scan")(_scan)


def _scan(
    run: Run,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="Ask this one; repeatable. Without it, those that are deployed.",
            metavar="NAME",
            autocompletion=complete_strategies,
        ),
    ] = None,
    symbols: Symbols = None,
    universe: Annotated[
        Path | None, typer.Option(help="A file with one symbol a line; `#` begins a comment.", metavar="FILE")
    ] = None,
    exchange: Annotated[
        str | None, typer.Option(help="Stored bars of this exchange; A,B = each symbol at both.")
    ] = None,
    timeframe: BarLength = None,
    since: Since = None,
    until: Annotated[str | None, typer.Option(help="Stored bars as of this moment.", metavar="TIME")] = None,
    param: Params = None,
    cash: Cash = None,
    history: Annotated[bool, typer.Option("--history", help="List former scans with their approval rates.")] = False,
    limit: Annotated[int, typer.Option(help="With --history: how many, newest first.", min=1)] = 20,
    why: Annotated[
        str | None,
        typer.Option(help="Print the whole chain of one symbol: bar, filters, strategies, rank.", metavar="SYMBOL"),
    ] = None,
) -> Outcome:
    """Rank the universe by what the strategies want now; what is left out is named with the filter and the number."""
    if history:
        return _history(run, limit)
    from trader_cli.jobs.scan import record_of, result_of, scan
    from trader_cli.scanning import request_of, stated_universe, stored, terms_of

    parts = run.wiring(
        data__symbols=split(symbols),
        data__exchange=exchange,
        data__timeframe=timeframe,
        data__since=since,
        data__until=until,
        account__cash=cash,
    )
    names = [one for text in strategy or [] for one in split(text) or []]
    request = request_of(parts, names, parameters(param))
    chosen = stated_universe(request, universe)
    extra = () if why is None else (why,)
    gathered = stored(parts, request, chosen.including(extra))
    done = scan(request, gathered, terms_of(parts), extra)
    if why is not None:
        return _chain(done, why)
    where = ",".join(dict.fromkeys(one.exchange for one in gathered.series))
    record = record_of(done, parts.new_run_id(), parts.now_ms(), where, chosen.text)
    parts.ledger.record_scan(record)
    result = result_of(done, record)

    def view(console: Any) -> None:
        from trader_cli.cli.views_scan import scan_view

        scan_view(console, result, parts.settings.scan.top)

    return Outcome("scan/1", result, view)


def _chain(done: Scanned, symbol: str) -> Outcome:
    from trader_cli.jobs.scanning.chain import chain

    result = chain(done, symbol)

    def view(console: Any) -> None:
        from trader_cli.cli.views_scan import chain_view

        chain_view(console, result)

    return Outcome("scan.why/1", result, view)


def _history(run: Run, limit: int) -> Outcome:
    from trader_cli.jobs.scan import history_of

    result = history_of(run.wiring().existing_ledger.scans(limit))

    def view(console: Any) -> None:
        from trader_cli.cli.views_scan import history_view

        history_view(console, result)

    return Outcome("scan.history/1", result, view)
