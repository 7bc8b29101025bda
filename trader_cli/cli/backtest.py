"""`trader backtest STRATEGY`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters
from trader_cli.cli.options import History, Params, Rules, replay_wiring


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "backtest", measured="backtest")(_backtest)


def _backtest(
    run: Run,
    *,
    strategy: Annotated[
        str | None,
        typer.Argument(
            help="File name of the strategy, several with commas; without one, the wallets of the configuration trade.",
            autocompletion=complete_strategies,
            show_default=False,
        ),
    ] = None,
    bars: History,
    param: Params = None,
    rules: Rules,
    trades: Annotated[
        Path | None, typer.Option(help="Write one row a round trip: .csv, .parquet or .json.", metavar="FILE")
    ] = None,
    fills: Annotated[
        Path | None, typer.Option(help="Write one row a fill: .csv, .parquet or .json.", metavar="FILE")
    ] = None,
) -> Outcome:
    """Replay history through the one decision path."""
    from trader_cli.jobs.backtest import backtest
    from trader_cli.jobs.summary import fill_rows
    from trader_cli.jobs.trade_rows import trade_rows
    from trader_cli.market.tables import writable, write_rows

    for path in (trades, fills):
        if path is not None:
            writable(path)
    parts = replay_wiring(run, bars, rules)
    request = parts.request(strategy, parameters(param))
    done = backtest(
        request, parts.bars, parts.instrument, lambda: parts.ledger, parts.new_run_id(), parts.now_ms(), run.note
    )
    if trades is not None:
        kept = done.record
        write_rows(trade_rows(kept.round_trips, kept.fills, kept.instruments), trades)
    if fills is not None:
        write_rows(fill_rows(done.record.fills, done.record.instruments), fills)

    def view(console: Any) -> None:
        from trader_cli.cli.views import run_view

        run_view(console, done.result)

    return Outcome("backtest/1", done.result, view)
