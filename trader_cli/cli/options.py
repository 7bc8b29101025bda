"""Options that several commands share, each declared once: which bars, at what cost, with which parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Run, complete_strategies, split

if TYPE_CHECKING:
    from trader_cli.wiring import Wiring

Named = Annotated[
    str,
    typer.Argument(help="File name of the strategy.", autocompletion=complete_strategies, show_default=False),
]
Symbols = Annotated[str | None, typer.Option(help="Symbols, separated by commas.", metavar="A,B")]
Exchange = Annotated[str | None, typer.Option(help="Where the bars are from; A,B = each symbol at both.")]
BarLength = Annotated[str | None, typer.Option(help="Length of a bar: 30m, 4h, 1d.")]
Since = Annotated[str | None, typer.Option(help="First moment, ISO 8601 UTC.", metavar="TIME")]
Until = Annotated[str | None, typer.Option(help="First moment left out.", metavar="TIME")]
Params = Annotated[
    list[str] | None,
    typer.Option(help="A strategy's parameter, STRATEGY.NAME=VALUE where there are several.", metavar="NAME=VALUE"),
]
Cash = Annotated[str | None, typer.Option(help="Cash at the start.", metavar="AMOUNT")]
FeeBps = Annotated[str | None, typer.Option(help="Fee of every fill, taker and maker, in bps.", metavar="BPS")]
SlippageBps = Annotated[str | None, typer.Option(help="Slippage of market orders and stops.", metavar="BPS")]
CostsFrom = Annotated[
    str | None,
    typer.Option("--costs", help="`fitted` = fees and slippage as own fills at the venue had them.", metavar="fitted"),
]
StopPct = Annotated[str | None, typer.Option(help="Stop under the entry price.", metavar="PCT")]
TargetPct = Annotated[str | None, typer.Option(help="Target over the entry price.", metavar="PCT")]
MaxPositions = Annotated[str | None, typer.Option(help="Positions at once; 0 = no limit.", metavar="N")]


@dataclass(frozen=True)
class History:
    """Which bars a command replays."""

    symbols: Symbols = None
    exchange: Exchange = None
    timeframe: BarLength = None
    since: Since = None
    until: Until = None


@dataclass(frozen=True)
class Rules:
    """With what cash, at what cost and under which limits it trades."""

    cash: Cash = None
    fee_bps: FeeBps = None
    slippage_bps: SlippageBps = None
    stop_pct: StopPct = None
    target_pct: TargetPct = None
    max_positions: MaxPositions = None
    costs: CostsFrom = None


def replay_wiring(run: Run, bars: History, rules: Rules, **more: Any) -> Wiring:
    """Return the wired parts of a command that replays history; `more` are further keys, `__` for the dot.

    Costs that are `fitted`, those of own fills, stand as settings of this run like any others. Raises DataError where there are
    too few fills, UsageError where one of them is stated by hand too.
    """
    flags = {
        "data__symbols": split(bars.symbols),
        "data__exchange": bars.exchange,
        "data__timeframe": bars.timeframe,
        "data__since": bars.since,
        "data__until": bars.until,
        "account__cash": rules.cash,
        "costs__fee_bps": rules.fee_bps,
        "costs__maker_fee_bps": None if run.sets_key("costs.maker_fee_bps") else rules.fee_bps,
        "costs__slippage_bps": rules.slippage_bps,
        "risk__stop_pct": rules.stop_pct,
        "risk__target_pct": rules.target_pct,
        "risk__max_positions": rules.max_positions,
        **more,
    }
    if rules.costs is None:
        return run.wiring(**flags)
    from trader_cli.cli.fitted import fitted_costs

    stated = fitted_costs(run, rules.costs, flags)
    return run.wiring(**{**flags, **stated})
