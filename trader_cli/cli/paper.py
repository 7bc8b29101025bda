"""`trader paper`: one cycle, or a bounded loop of them, against simulated fills."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from trader_cli.cli.cycle import alone, limited, loop, naming, told
from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters
from trader_cli.cli.options import History, Rules, replay_wiring

if TYPE_CHECKING:
    from trader_cli.wiring import Wiring


@dataclass(frozen=True)
class _History(History):
    exchange: Annotated[str | None, typer.Option(help="With --replay: where the stored bars are from.")] = None
    since: Annotated[str | None, typer.Option(help="First moment of the history, ISO 8601 UTC.", metavar="TIME")] = None
    until: Annotated[str | None, typer.Option(help="With --replay: first moment left out.", metavar="TIME")] = None


@dataclass(frozen=True)
class _Rules(Rules):
    cash: Annotated[str | None, typer.Option(help="Cash a new session begins with.", metavar="AMOUNT")] = None
    fee_bps: Annotated[str | None, typer.Option(help="Fee of every fill, in bps.", metavar="BPS")] = None
    slippage_bps: Annotated[str | None, typer.Option(help="Slippage of market orders.", metavar="BPS")] = None


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "paper", measured="paper")(_paper)


def _paper(
    run: Run,
    *,
    strategy: Annotated[
        str | None,
        typer.Argument(
            help="Strategies by file name, with commas; without one, those that are deployed.",
            autocompletion=complete_strategies,
            show_default=False,
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One cycle; also what happens without `--every`.")] = False,
    every: Annotated[
        str | None, typer.Option(help="A cycle at every multiple of this: 15m, 4h.", metavar="TIME")
    ] = None,
    lasting: Annotated[str | None, typer.Option("--for", help="How long to go on: 8h, 2d.", metavar="TIME")] = None,
    replay: Annotated[
        bool, typer.Option("--replay", help="Step through stored bars by the clock of the data, one bar a run.")
    ] = False,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Begin a new session; the old one stays in the ledger.")
    ] = False,
    bars: _History,
    param: Annotated[
        list[str] | None, typer.Option(help="A strategy's parameter, as for `backtest`.", metavar="NAME=VALUE")
    ] = None,
    rules: _Rules,
) -> Outcome:
    """Trade on paper: the closed bars since the last run meet the simulated market, the newest is decided on."""
    parts = replay_wiring(run, bars, rules)

    def cycle() -> Outcome:
        with alone(parts, "paper"):
            return _cycle(run, parts, strategy, param, replay=replay, fresh=fresh)

    with naming(run, parts, "paper"):
        return loop(run, every, lasting, once, cycle)


def _cycle(
    run: Run, parts: Wiring, strategy: str | None, param: list[str] | None, *, replay: bool, fresh: bool
) -> Outcome:
    from trader_cli.trading import compiled, paper, paper_replay

    if replay:
        return told("paper/1", paper_replay(parts, strategy, parameters(param), fresh=fresh, note=run.note))
    compiled(parts, strategy, parameters(param), run.note)
    with limited(parts.settings.cycle.limit_s) as left_ms:
        done = paper(parts, strategy, parameters(param), fresh=fresh, left_ms=left_ms, note=run.note)
    return told("paper/1", done)
