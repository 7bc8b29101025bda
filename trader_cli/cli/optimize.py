"""`trader optimize STRATEGY`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters, split
from trader_cli.cli.options import History, Rules, replay_wiring
from trader_cli.errors import UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.optimize import Found
    from trader_cli.jobs.sweep import Prepared
    from trader_cli.model.evidence import Proposal
    from trader_cli.wiring import Wiring

_MOST_LISTED = 100


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    command(app, "optimize")(_optimize)


def _complete_figures(typed: str) -> list[str]:
    from trader_cli.jobs.search import FIGURES

    dash = "-" * typed.startswith("-")
    return [f"{dash}{one}" for one in FIGURES if one.startswith(typed.removeprefix("-"))]


def _complete_methods(typed: str) -> list[str]:
    return [one for one in ("auto", "grid", "random", "tpe") if one.startswith(typed)]


def _complete_engines(typed: str) -> list[str]:
    return [one for one in ("local", "threads", "processes", "ray", "dask") if one.startswith(typed)]


def _optimize(
    run: Run,
    *,
    strategy: Annotated[
        str | None,
        typer.Argument(help="File name of the strategy.", autocompletion=complete_strategies, show_default=False),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(
            help="Values of a parameter: fast=5:50:5, stop=0.5:2 (any number), mode=near,far, or one that is fixed.",
            metavar="NAME=VALUES",
        ),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option(
            help="grid, random or tpe; auto: grid where all steps are stated.", autocompletion=_complete_methods
        ),
    ] = None,
    trials: Annotated[str | None, typer.Option(help="How many random and tpe try.", metavar="N")] = None,
    seed: Annotated[str | None, typer.Option(help="Of random and tpe.", metavar="N")] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="Figure to maximise, `-` before it minimises; several with commas.",
            metavar="FIGURE",
            autocompletion=_complete_figures,
        ),
    ] = None,
    min_trades: Annotated[str | None, typer.Option(help="Round trips that the best must have.", metavar="N")] = None,
    holdout_pct: Annotated[
        str | None, typer.Option(help="Newest bars that the search does not see.", metavar="PCT")
    ] = None,
    workers: Annotated[str | None, typer.Option(help="Trials at once; 0 = as many as gain.", metavar="N")] = None,
    engine: Annotated[
        str | None,
        typer.Option(help="local, threads, processes, ray or dask.", autocompletion=_complete_engines),
    ] = None,
    address: Annotated[str | None, typer.Option(help="Of the Ray or Dask cluster.", metavar="HOST:PORT")] = None,
    top: Annotated[str | None, typer.Option(help="Best trials to show.", metavar="N")] = None,
    heatmap: Annotated[str | None, typer.Option(help="The two parameters of the map.", metavar="A,B")] = None,
    table: Annotated[
        Path | None, typer.Option(help="Write one row a trial: .csv, .parquet or .json.", metavar="FILE")
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin anew; the former search stays in the ledger.")] = False,
    propose: Annotated[
        bool, typer.Option("--propose", help="Record a bounded change of parameters as a proposal.")
    ] = False,
    proposals: Annotated[bool, typer.Option("--proposals", help="List the proposals; nothing is searched.")] = False,
    sweeps: Annotated[bool, typer.Option("--sweeps", help="List the searches so far; nothing is searched.")] = False,
    bars: History,
    rules: Rules,
) -> Outcome:
    """Search a strategy's parameters; stopped, the same command goes on."""
    parts = replay_wiring(
        run,
        bars,
        rules,
        optimize__method=method,
        optimize__trials=trials,
        optimize__seed=seed,
        optimize__objective=objective,
        optimize__min_trades=min_trades,
        optimize__holdout_pct=holdout_pct,
        optimize__workers=workers,
        optimize__engine=engine,
        optimize__address=address,
        optimize__top=top,
    )
    if proposals:
        return _proposals(parts, strategy)
    if sweeps:
        return _sweeps(parts, strategy)
    if strategy is None or "," in strategy:
        raise UsageError(
            f"one strategy is searched at a time, not {f'`{strategy}`' if strategy else 'none'}",
            "name it: `trader optimize demo_ma --param fast=5:50:5`",
        )
    from trader_cli.market.tables import writable

    if table is not None:
        writable(table)
    shared = {f"--{name.replace('_', '-')}": value for name, value in {**vars(bars), **vars(rules)}.items()}
    prepared = _prepared(parts, strategy, param)
    found = _searched(run, parts, prepared, split(heatmap) or [], fresh=fresh)
    found.result["rerun"] = None if found.best is None else _rerun(run, prepared, found, shared)
    if table is not None:
        _written(parts, prepared, found, table)
    found.result["table"] = None if table is None else str(table)
    if propose:
        found.result["proposal"] = _proposed(parts, prepared, found)

    def view(console: Any) -> None:
        from trader_cli.cli.views_research import sweep_view

        sweep_view(console, found.result, found.map)

    return Outcome("optimize/1", found.result, view)


def _prepared(parts: Wiring, strategy: str, param: list[str] | None) -> Prepared:
    from trader_cli import __version__
    from trader_cli.jobs.space import read_space
    from trader_cli.jobs.sweep import Wanted, prepare

    request = parts.request(strategy, {})
    chosen = request.wallets[0].strategies[0]
    given = {name.removeprefix(f"{chosen.name}."): text for name, text in parameters(param).items()}
    space = read_space(chosen.name, chosen.instance.declared, chosen.instance.params, given)
    wanted = Wanted.read(request.settings["optimize"])
    return prepare(request, parts.bars, parts.instrument, space, wanted, __version__)


def _searched(run: Run, parts: Wiring, prepared: Prepared, heatmap: list[str], *, fresh: bool) -> Found:
    from trader_cli.config.lease import take_lease
    from trader_cli.jobs.optimize import Shown, check_shown, optimize
    from trader_cli.jobs.warming import warn_of_compiling
    from trader_cli.jobs.workers import pool

    section = parts.settings.optimize
    shown = Shown(section.top, tuple(heatmap), float(section.plateau_pct), float(section.spike_pct))
    check_shown(prepared, shown)
    warn_of_compiling(run.note, "replay")
    # Two of the same search would do the same work twice, and only one could write it down.
    lease = take_lease(parts.home / "locks", f"sweep-{prepared.key[:16]}")
    try:
        with run.progress(f"optimize {prepared.strategy.name}") as progress, _kept(run, parts, prepared):
            return optimize(
                prepared,
                parts.ledger,
                lambda: pool(
                    *(prepared.lab, section.engine, section.workers, section.address, prepared.key),
                    trials=prepared.search.total,
                ),
                parts.new_run_id(),
                parts.now_ms,
                progress,
                shown,
                fresh=fresh,
            )
    finally:
        lease.release()


@contextmanager
def _kept(run: Run, parts: Wiring, prepared: Prepared) -> Iterator[None]:
    """Where a search is interrupted, say how much is kept and how to go on."""
    try:
        yield
    except KeyboardInterrupt:
        state = parts.ledger.find_sweep(prepared.key)
        if state is not None:
            run.note(f"{state.done:,} of {prepared.search.total:,} trials are done and kept: the same command goes on")
        raise


def _rerun(run: Run, prepared: Prepared, found: Found, shared: Mapping[str, str | None]) -> str:
    """Return the command that replays the best trial: a backtest with the same options and the same digest."""
    from trader_cli.jobs.optimize import texts

    words = ["trader", "backtest", prepared.strategy.name]
    for text in texts(found.result["best"]["params"]):
        words += ["--param", text]
    # What was held out from the search is left out here too.
    options = {**shared, "--until": found.result["held_out_from"] or shared["--until"]}
    for name, value in options.items():
        words += [] if value is None else [name, value]
    words += [] if run.preset is None else ["--preset", run.preset]
    words += [] if run.home is None else ["--home", str(run.home)]
    for text in run.sets:
        words += [] if text.startswith("optimize.") else ["--set", text]
    return shlex.join(words)


def _written(parts: Wiring, prepared: Prepared, found: Found, path: Path) -> None:
    from trader_cli.jobs.optimize import table
    from trader_cli.jobs.search import FIGURES
    from trader_cli.market.tables import write_batches

    names = [axis.name for axis in prepared.space.axes]
    write_batches(table(names, parts.ledger.trials(found.state.record.sweep_id), FIGURES), path)


def _proposed(parts: Wiring, prepared: Prepared, found: Found) -> dict[str, Any] | None:
    """Record a proposal and return it, None where nothing allowed is better than what is set now."""
    from trader_cli.jobs.proposing import propose, within

    section, name = parts.settings.optimize, prepared.strategy.name
    most = float(section.max_change_pct)
    deployed = {one.strategy: dict(one.params) for one in parts.ledger.deployments()}
    current = parts.request(name, deployed.get(name, {})).wallets[0].strategies[0].instance.params
    sweep_id, wanted = found.state.record.sweep_id, prepared.wanted
    trials = parts.ledger.trials(sweep_id)
    candidates = within(trials, current, most, wanted.objectives[0], wanted.min_trades, section.top)
    proposal = propose(prepared.lab, name, current, candidates, most, sweep_id, parts.now_ms())
    if proposal is None:
        note = f"no proposal: nothing within {most:g} % of the current parameters does better than they do"
        found.result["notes"].append(note)
        return None
    parts.ledger.record_proposal(proposal)
    return _proposal(proposal)


def _proposals(parts: Wiring, strategy: str | None) -> Outcome:
    rows = [_proposal(one) for one in parts.existing_ledger.proposals(strategy, _MOST_LISTED)]

    def view(console: Any) -> None:
        from trader_cli.cli.views_research import proposals_view

        proposals_view(console, rows)

    return Outcome("optimize.proposals/1", {"proposals": rows}, view)


def _sweeps(parts: Wiring, strategy: str | None) -> Outcome:
    from trader_cli.jobs.optimize import sweep_row

    rows = [sweep_row(one) for one in parts.existing_ledger.sweeps(strategy, _MOST_LISTED)]

    def view(console: Any) -> None:
        from trader_cli.cli.views_research import sweeps_view

        sweeps_view(console, rows)

    return Outcome("optimize.sweeps/1", {"sweeps": rows}, view)


def _proposal(one: Proposal) -> dict[str, Any]:
    from trader_cli.jobs.summary import iso

    return {**vars(one), "symbols": list(one.symbols), "time": iso(one.time_ms)}
