"""`trader report`: what the ledger knows: runs, sessions, positions, orders, execution, and why."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, Tabled, command
from trader_cli.cli.page import write_page
from trader_cli.errors import UsageError, VenueError

if TYPE_CHECKING:
    from trader_cli.jobs.recent import Span
    from trader_cli.jobs.report import Price
    from trader_cli.ledger import Ledger
    from trader_cli.wiring import Wiring

_MOST_RUNS = 1000

app = Tabled()


def _complete_modes(typed: str) -> list[str]:
    from trader_cli.cli.recent import MODES

    return [one for one in MODES if one.startswith(typed)]


@command(app, None, measured="report")
def _report(
    run: Run,
    one: Annotated[str | None, typer.Option("--run", help="Show this run; the beginning of its id will do.")] = None,
    limit: Annotated[int, typer.Option(help="How many runs to list, newest first.", min=1)] = 20,
    strategy: Annotated[str | None, typer.Option(help="Only runs of this strategy.")] = None,
    mode: Annotated[
        str | None, typer.Option(help="Only backtest, paper or live.", autocompletion=_complete_modes)
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="What happened in the last so many days; 0 = ever. Default: 7.", min=0)
    ] = None,
    since: Annotated[str | None, typer.Option(help="What happened since then, UTC.", metavar="TIME")] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write a run as one page: --run, else the newest.", metavar="FILE")
    ] = None,
) -> Outcome:
    """What happened: what is being traded, what it brought, and the runs in the ledger, or one of them."""
    from trader_cli.cli.recent import check_mode, span_of

    check_mode(mode)
    parts = run.wiring()
    ledger = parts.existing_ledger
    if html is not None:
        return write_page(run, parts, one or _newest(ledger, strategy, mode), html)
    if one is not None:
        return _one(parts, one, limit, days, since)
    return _list(parts, limit, strategy, mode, span_of(parts, days, since), days)


def _list(parts: Wiring, limit: int, strategy: str | None, mode: str | None, span: Span, days: int | None) -> Outcome:
    """Return what is being traded, what the span brought, and the runs that began in it."""
    from dataclasses import asdict

    from trader_cli.cli.recent import DAYS, recent_result
    from trader_cli.cli.views_trading import report_view
    from trader_cli.jobs.overview import overview

    ledger = parts.existing_ledger
    trading = asdict(overview(ledger, parts.now_ms()))
    if mode is not None:
        for name in ("sessions", "positions"):
            trading[name] = [each for each in trading[name] if each["mode"] == mode]
    meant = [
        each
        for each in ledger.sessions()
        if mode in (None, each.mode) and (strategy is None or strategy in each.strategy.split(","))
    ]
    going_on = {each["run_id"] for each in trading["sessions"]}
    # A mode is picked from more runs than are shown of it.
    known = ledger.runs(limit + 1 if mode is None else _MOST_RUNS, strategy)
    listed = [each for each in known if mode in (None, each.mode)][: limit + 1]
    shown = [each for each in listed[:limit] if each.started_ms >= span.since_ms or each.run_id in going_on]
    runs = [{**asdict(each), "open": each.run_id in going_on} for each in shown]
    older = any(each not in shown and each.run_id not in going_on for each in listed)
    head = {"days": DAYS if days is None else days, "limit": limit, "older": older}
    result = {
        **trading,
        "unvalidated": _unvalidated(ledger),
        **head,
        **recent_result(parts, meant, span),
        "runs": [_short(each) for each in runs],
    }
    return Outcome("report.list/1", result, lambda console: report_view(console, result))


def _newest(ledger: Ledger, strategy: str | None, mode: str | None) -> str:
    """Return the id of the newest run. Raises UsageError where there is none."""
    for each in ledger.runs(1 if mode is None else _MOST_RUNS, strategy):
        if mode in (None, each.mode):
            return each.run_id
    which = "".join(f" {text}" for text in (f"of `{strategy}`" * bool(strategy), f"of {mode}" * bool(mode)) if text)
    raise UsageError(f"there is no run{which} yet", "`trader backtest momentum` makes one")


def _one(parts: Wiring, prefix: str, limit: int, days: int | None, since: str | None) -> Outcome:
    from dataclasses import asdict

    from trader_cli.cli.recent import recent_result, span_of
    from trader_cli.cli.views import run_view
    from trader_cli.cli.views_trading import session_view
    from trader_cli.jobs.overview import session_report

    ledger = parts.existing_ledger
    summary = ledger.run(prefix)
    session = next((each for each in ledger.sessions() if each.run_id == summary.run_id), None)
    if session is None:
        found = dict(summary.stats)
        return Outcome("report.run/1", found, lambda console: run_view(console, found))
    shown = asdict(session_report(ledger, session, parts.now_ms(), limit))
    shown["unvalidated"] = _unvalidated(ledger, session.run_id)
    shown |= recent_result(parts, [session], span_of(parts, days, since, session.started_ms))
    return Outcome("report.session/1", shown, lambda console: session_view(console, shown))


@command(app, "positions")
def _positions(
    run: Run,
    now: Annotated[bool, typer.Option("--now", help="Ask the venue for prices, without a key; bids count.")] = False,
) -> Outcome:
    """Show what the open sessions hold, with live result, levels, and what protects it at the venue."""
    from dataclasses import asdict

    from trader_cli.cli.views_trading import positions_view, trouble_view, unvalidated_view
    from trader_cli.jobs.report import differences, positions
    from trader_cli.jobs.report_orders import unresolved_lines

    parts = run.wiring()
    ledger = parts.existing_ledger
    prices = _bids(run, parts, [(one.exchange, one.symbol) for one in positions(ledger, {})]) if now else {}
    result = {
        "unresolved": [asdict(each) for each in unresolved_lines(ledger, parts.now_ms())],
        "unexplained": [asdict(each) for each in differences(ledger)],
        "unvalidated": _unvalidated(ledger),
        "positions": [asdict(each) for each in positions(ledger, prices)],
    }

    def view(console: Any) -> None:
        trouble_view(console, result)
        unvalidated_view(console, result)
        positions_view(console, result["positions"])

    return Outcome("report.positions/1", result, view)


def _bids(run: Run, parts: Wiring, wanted: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Price]:
    """Return what a sale would bring now, by exchange and symbol; where the venue does not say, the ledger's price stays."""
    from trader_cli.jobs.report import Price
    from trader_cli.trading import Post

    venue = parts.settings.venue.id
    if not venue:
        raise UsageError("`--now`: no venue is configured", "state it: `--set venue.id=kraken`, or leave `--now` out")
    found: dict[tuple[str, str], Price] = {}
    limit_ms = int(parts.settings.cycle.limit_s * 1000)
    post = Post(parts, "", "", lambda: limit_ms)
    for symbol in dict.fromkeys(symbol for exchange, symbol in wanted if exchange == venue):
        try:
            quote = post.venue.price(symbol)
        except VenueError as error:
            run.note(f"{symbol} is shown at its last known price: {error.message}")
        else:
            found[venue, symbol] = Price(quote.bid, quote.time_ms)
    return found


@command(app, "orders")
def _orders(
    run: Run,
    open_only: Annotated[bool, typer.Option("--open", help="Only orders that are not over.")] = False,
    symbol: Annotated[str | None, typer.Option(help="Only orders of this symbol.")] = None,
    limit: Annotated[int, typer.Option(help="How many orders that are over to list, newest first.", min=1)] = 20,
) -> Outcome:
    """Show orders with their life: the unresolved first, then the working, then the newest that ended."""
    from dataclasses import asdict

    from trader_cli.cli.views_trading import orders_view, unvalidated_view
    from trader_cli.jobs.report_orders import order_lines

    parts = run.wiring()
    found = order_lines(parts.existing_ledger, parts.now_ms(), symbol=symbol, open_only=open_only, limit=limit)
    result = {"unvalidated": _unvalidated(parts.existing_ledger), "orders": [asdict(each) for each in found]}

    def view(console: Any) -> None:
        unvalidated_view(console, result)
        orders_view(console, result["orders"])

    return Outcome("report.orders/1", result, view)


@command(app, "execution")
def _execution(run: Run) -> Outcome:
    """Show how orders fared at the venue, what that switches, and what each strategy brought."""
    from trader_cli.cli.views_execution import execution_view
    from trader_cli.cli.views_trading import unvalidated_view
    from trader_cli.jobs.report_orders import execution, execution_row

    parts = run.wiring()
    ledger = parts.existing_ledger
    result = {"unvalidated": _unvalidated(ledger), **execution_row(execution(ledger, parts.settings.execution))}

    def view(console: Any) -> None:
        unvalidated_view(console, result)
        execution_view(console, result)

    return Outcome("report.execution/1", result, view)


@command(app, "why")
def _why(
    run: Run,
    order: Annotated[
        str,
        typer.Argument(
            help="An order, by the beginning of its id, or a fill: its transaction or SYMBOL@TIME.", show_default=False
        ),
    ],
) -> Outcome:
    """Print the chain behind an order: bar, signal, conflict, limits, rule, ticket, events, fills, entries."""
    from dataclasses import asdict
    from functools import partial

    from trader_cli.cli.views_execution import why_view
    from trader_cli.jobs.why import why
    from trader_cli.ledger.entries import entries_of

    ledger = run.wiring().existing_ledger
    result = asdict(why(ledger, partial(entries_of, ledger), order))
    return Outcome("report.why/1", result, lambda console: why_view(console, result))


@command(app, "cycles")
def _cycles(
    run: Run,
    limit: Annotated[int, typer.Option(help="How many cycles to list, newest first.", min=1)] = 20,
) -> Outcome:
    """Show the last cycles of paper and live: how they ended, how long they took, and the heartbeat's age."""
    from dataclasses import asdict

    from trader_cli.cli.views_trading import cycles_view, unvalidated_view
    from trader_cli.jobs.report import cycle_lines

    parts = run.wiring()
    ledger = parts.existing_ledger
    lines = [asdict(each) for each in cycle_lines(ledger, limit, parts.now_ms())]
    result = {"unvalidated": _unvalidated(ledger), "cycles": lines}

    def view(console: Any) -> None:
        unvalidated_view(console, result)
        cycles_view(console, result["cycles"])

    return Outcome("report.cycles/1", result, view)


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


def _unvalidated(ledger: Ledger, run_id: str | None = None) -> list[dict[str, Any]]:
    """Return what trades for real without validation, as JSON knows it."""
    from dataclasses import asdict

    from trader_cli.jobs.gate import unvalidated_lines

    return [asdict(each) for each in unvalidated_lines(ledger, run_id)]


_LONG = ("monthly", "benchmark_monthly", "equity_line", "refused", "open_positions", "seconds", "notes")


def _short(summary: dict[str, Any]) -> dict[str, Any]:
    stats = {key: value for key, value in summary["stats"].items() if key not in _LONG}
    return {**summary, "stats": stats}
