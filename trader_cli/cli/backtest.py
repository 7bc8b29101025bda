"""`trader backtest STRATEGY`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters, split


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "backtest")(_backtest)


def _backtest(
    run: Run,
    strategy: Annotated[
        str | None,
        typer.Argument(
            help="File name of the strategy, several with commas; without one, the wallets of the configuration trade.",
            autocompletion=complete_strategies,
            show_default=False,
        ),
    ] = None,
    symbols: Annotated[str | None, typer.Option(help="Symbols, separated by commas.", metavar="A,B")] = None,
    exchange: Annotated[str | None, typer.Option(help="Where the bars are from; A,B = each symbol at both.")] = None,
    timeframe: Annotated[str | None, typer.Option(help="Length of a bar: 30m, 4h, 1d.")] = None,
    since: Annotated[str | None, typer.Option(help="First moment, ISO 8601 UTC.", metavar="TIME")] = None,
    until: Annotated[str | None, typer.Option(help="First moment left out.", metavar="TIME")] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="A strategy's parameter, STRATEGY.NAME=VALUE where there are several.", metavar="NAME=VALUE"),
    ] = None,
    cash: Annotated[str | None, typer.Option(help="Cash at the start.", metavar="AMOUNT")] = None,
    fee_bps: Annotated[
        str | None, typer.Option(help="Fee of every fill, taker and maker, in bps.", metavar="BPS")
    ] = None,
    slippage_bps: Annotated[
        str | None, typer.Option(help="Slippage of market orders and stops.", metavar="BPS")
    ] = None,
    stop_pct: Annotated[str | None, typer.Option(help="Stop under the entry price.", metavar="PCT")] = None,
    target_pct: Annotated[str | None, typer.Option(help="Target over the entry price.", metavar="PCT")] = None,
    max_positions: Annotated[str | None, typer.Option(help="Positions at once; 0 = no limit.", metavar="N")] = None,
    trades: Annotated[
        Path | None, typer.Option(help="Write one row a round trip: .csv, .parquet or .json.", metavar="FILE")
    ] = None,
    fills: Annotated[
        Path | None, typer.Option(help="Write one row a fill: .csv, .parquet or .json.", metavar="FILE")
    ] = None,
) -> Outcome:
    """Replay history through the one decision path."""
    from trader_cli.jobs.backtest import backtest
    from trader_cli.jobs.summary import fill_rows, trade_rows
    from trader_cli.market.tables import writable, write_rows

    for path in (trades, fills):
        if path is not None:
            writable(path)
    parts = run.wiring(
        data__symbols=split(symbols),
        data__exchange=exchange,
        data__timeframe=timeframe,
        data__since=since,
        data__until=until,
        account__cash=cash,
        costs__fee_bps=fee_bps,
        costs__maker_fee_bps=None if run.sets_key("costs.maker_fee_bps") else fee_bps,
        costs__slippage_bps=slippage_bps,
        risk__stop_pct=stop_pct,
        risk__target_pct=target_pct,
        risk__max_positions=max_positions,
    )
    request = parts.request(strategy, parameters(param))
    done = backtest(
        request, parts.bars, parts.instrument, lambda: parts.ledger, parts.new_run_id(), parts.now_ms(), run.note
    )
    if trades is not None:
        write_rows(trade_rows(done.record.round_trips), trades)
    if fills is not None:
        write_rows(fill_rows(done.record.fills, done.record.instruments), fills)

    def view(console: Any) -> None:
        from trader_cli.cli.views import run_view

        run_view(console, done.result)

    return Outcome("backtest/1", done.result, view)
