"""`trader scan`: every strategy's signal for every symbol now, ranked; and what was left out by which number."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters, split
from trader_cli.cli.options import BarLength, Cash, Params, Since, Symbols
from trader_cli.errors import UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.plan import Request
    from trader_cli.jobs.scan import Gathered, Scanned
    from trader_cli.wiring import Wiring


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "scan", measured="scan")(_scan)


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
    quote: Annotated[
        str | None, typer.Option(help="All markets in this currency: the venue's open ones, else those stored.")
    ] = None,
    top: Annotated[int | None, typer.Option(help="With --quote: the so many most traded.", min=1, metavar="N")] = None,
    stored: Annotated[bool, typer.Option("--stored", help="Stored bars only; no venue is asked.")] = False,
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
    show: Annotated[
        str | None, typer.Option(help="Show a former scan, by the beginning of its id.", metavar="SCAN")
    ] = None,
    why: Annotated[
        str | None,
        typer.Option(help="Print the whole chain of one symbol: bar, filters, strategies, rank.", metavar="SYMBOL"),
    ] = None,
) -> Outcome:
    """Rank the universe by what the strategies want now; what is left out is named with the filter and the number."""
    if history:
        return _history(run, limit)
    if show is not None:
        return _show(run, show)
    parts = run.wiring(
        data__symbols=split(symbols),
        data__exchange=exchange,
        data__timeframe=timeframe,
        data__since=since,
        data__until=until,
        account__cash=cash,
    )
    stated = [
        name for name, one in (("--symbols", symbols), ("--universe", universe), ("--quote", quote)) if one is not None
    ]
    if len(stated) > 1:
        raise UsageError(
            f"{' and '.join(f'`{one}`' for one in stated)} both say what is looked at", "state one of them"
        )
    if top is not None and quote is None:
        raise UsageError("`--top` needs `--quote`", "e.g. `--quote USDT --top 200`")
    names = [one for text in strategy or [] for one in split(text) or []]
    asked = _Asked(names, parameters(param), universe, quote, top, why)
    live = bool(parts.settings.venue.id) and not stored and exchange is None and until is None
    return _live(run, parts, asked) if live else _stored(parts, asked)


@dataclass(frozen=True)
class _Asked:
    """What the command line asks for."""

    strategies: list[str]
    params: dict[str, str]
    file: Path | None
    quote: str | None
    top: int | None
    why: str | None

    @property
    def extra(self) -> tuple[str, ...]:
        return () if self.why is None else (self.why,)


def _stored(parts: Wiring, asked: _Asked) -> Outcome:
    from trader_cli.scanning import request_of, stated_universe, stored, stored_universe

    request = request_of(parts, asked.strategies, asked.params)
    if asked.quote is not None:
        universe = stored_universe(parts, parts.settings.data.exchange, asked.quote)
    else:
        universe = stated_universe(request, asked.file)
    gathered = stored(parts, request, universe.including(asked.extra), asked.top)
    where = ",".join(dict.fromkeys(one.exchange for one in gathered.series))
    return _outcome(parts, asked, request, gathered, where, universe.text, {})


def _live(run: Run, parts: Wiring, asked: _Asked) -> Outcome:
    from time import monotonic

    from trader_cli.scanning import Live, request_of, stated_universe, terms_of

    # The strategies' own loading counts too: the whole scan is to end in time.
    began = monotonic()
    request = request_of(parts, asked.strategies, asked.params)
    if asked.quote is None and asked.file is None and not parts.settings.data.symbols:
        raise UsageError(
            "no symbols are stated",
            "name them: `--symbols BTC/USD,ETH/USD`, `--universe FILE` or `--quote USD --top 100`",
        )
    end = began + parts.settings.scan.limit_s
    live = Live(parts, request, lambda: int((end - monotonic()) * 1000))
    universe = stated_universe(request, asked.file) if asked.quote is None else live.universe(asked.quote, asked.top)
    with run.progress(f"asking {live.venue}") as shown:
        gathered = live.gather(universe.including(asked.extra), terms_of(parts), asked.extra, shown)
    more = {"calls": live.calls, "seconds": {"asking": monotonic() - began}}
    return _outcome(parts, asked, request, gathered, live.venue, universe.text, more)


def _outcome(
    parts: Wiring,
    asked: _Asked,
    request: Request,
    gathered: Gathered,
    where: str,
    universe: str,
    more: dict[str, Any],
) -> Outcome:
    from trader_cli.jobs.scan import scan
    from trader_cli.jobs.scanning.telling import record_of, result_of
    from trader_cli.scanning import terms_of

    done = scan(request, gathered, terms_of(parts), asked.extra)
    if asked.why is not None:
        return _chain(done, asked.why)
    record = record_of(done, parts.new_run_id(), parts.now_ms(), where, universe)
    parts.ledger.record_scan(record)
    result = result_of(done, record)
    result["seconds"] = {**more.get("seconds", {}), **result["seconds"]}
    result["calls"] = more.get("calls", 0)
    result["notes"] = list(gathered.notes)

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
    from trader_cli.jobs.scanning.telling import history_of

    result = history_of(run.wiring().existing_ledger.scans(limit))

    def view(console: Any) -> None:
        from trader_cli.cli.views_scan import history_view

        history_view(console, result)

    return Outcome("scan.history/1", result, view)


def _show(run: Run, prefix: str) -> Outcome:
    from trader_cli.jobs.scanning.telling import shown_again

    parts = run.wiring()
    result = shown_again(parts.existing_ledger.scan(prefix))

    def view(console: Any) -> None:
        from trader_cli.cli.views_scan import scan_view

        scan_view(console, result, parts.settings.scan.top)

    return Outcome("scan/1", result, view)
