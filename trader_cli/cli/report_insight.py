"""`trader report why-not`, `drift`, `costs` and `strategies`: what the ledger's own record says of what did not happen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies
from trader_cli.errors import RiskError, TraderError, UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.drift import Drift
    from trader_cli.ledger import Ledger, RunSummary
    from trader_cli.model.session import Session
    from trader_cli.wiring import Wiring

_RUNS = 1000
"""How many of the newest runs and verdicts are looked through."""
_SHOWN = 3


def register(app: typer.Typer) -> None:
    """Add the commands to `trader report`."""
    command(app, "why-not")(_why_not)
    command(app, "drift")(_drift)
    command(app, "costs")(_costs)
    command(app, "strategies")(_strategies)


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
    from trader_cli.jobs.why_not import Place, why_not
    from trader_cli.jobs.why_not_choice import asked_for, chosen_run
    from trader_cli.ledger.asked import asked_of

    symbol, when = asked_for(moment)
    parts = run.wiring()
    ledger = parts.existing_ledger
    meant = ledger.run(one) if one is not None else chosen_run(ledger.runs(_RUNS), symbol, when)
    asked = asked_of(ledger, meant.run_id)
    is_session = asked.mode != "backtest"
    # A session reads all there is before its first bar; a backtest its own span only.
    since = _since(asked.config) if is_session else meant.start_ms
    request = parts.again(asked, meant.symbols, since, max(meant.end_ms, when) if is_session else meant.end_ms)
    place = Place(ledger, asked, meant, request, parts.bars, parts.instrument)
    result = asdict(why_not(place, symbol, when))
    return Outcome("report.why-not/1", result, lambda console: why_not_view(console, result))


def _since(config: Mapping[str, Any]) -> int | None:
    """Return the first moment that a session's bars are read from, ms UTC, None = as far back as there is."""
    from trader_cli.config.moment import time_ms

    data = config.get("data")
    return time_ms(str(data.get("since", "")), "data.since") if isinstance(data, Mapping) else None


def _drift(
    run: Run,
    one: Annotated[
        str | None,
        typer.Option("--run", help="This session; default: the newest live one, else the newest on paper."),
    ] = None,
    demote: Annotated[
        bool,
        typer.Option("--demote", help="Take the leave to trade for real back where a live session drifted too far."),
    ] = False,
    limit: Annotated[int, typer.Option(help="How many fills that differ to show, the largest first.", min=0)] = 10,
) -> Outcome:
    """Hold a session against its own re-run: the gap split into data, timing, price, fees, missed fills, vetoes."""
    from dataclasses import asdict

    from trader_cli.cli.views_insight import drift_view
    from trader_cli.jobs.drift import changed_settings

    parts = run.wiring()
    ledger = parts.existing_ledger
    session = _session(ledger, one)
    found = _drifted(parts, session)
    result = {**asdict(found), "demoted": False}
    if changed := changed_settings(session, parts.settings.model_dump(mode="json")):
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        text = f"the re-run keeps to the settings that the session began with: {', '.join(changed[:_SHOWN])}{more}"
        result["notes"] = [*found.notes, text]
    error: RiskError | None = None
    if demote:
        result["demoted"], error = _demoted(parts, session, found)
    return Outcome("report.drift/1", result, lambda console: drift_view(console, result, limit), error)


def _session(ledger: Ledger, prefix: str | None) -> Session:
    """Return the session that is meant. Raises UsageError where there is none."""
    sessions = ledger.sessions()
    if prefix is None:
        if not sessions:
            raise UsageError("there is no session yet", "`trader paper --once` begins one")
        return min(sessions, key=lambda one: one.mode != "live")
    meant = ledger.run(prefix)
    found = next((one for one in sessions if one.run_id == meant.run_id), None)
    if found is None:
        raise UsageError(
            f"`{meant.run_id}` is a {meant.mode}, which cannot drift from itself",
            *(f"a session is one: `--run {one.run_id}`" for one in sessions[:1]),
        )
    return found


def _drifted(parts: Wiring, session: Session) -> Drift:
    from trader_cli.jobs.drift import Bounds, drift

    insight = parts.settings.insight
    bounds = Bounds(insight.drift_pct, insight.drift_floor_pct, insight.drift_fills, insight.late_s)
    since = _since(session.config)
    return drift(
        parts.existing_ledger,
        session,
        lambda asked, symbols, until: parts.again(asked, symbols, since, until),
        parts.bars,
        parts.instrument,
        bounds,
    )


def _demoted(parts: Wiring, session: Session, found: Drift) -> tuple[bool, RiskError | None]:
    """Take the leave to trade for real back where a live session drifted too far; it sells nothing."""
    from trader_cli.jobs.drift import OVER

    if found.verdict != OVER or session.mode != "live":
        return False, None
    text = f"{session.strategy} drifted from its re-run in session {session.run_id}: {found.reason}"
    now = parts.now_ms()
    was = parts.existing_ledger.disarm(now, text)
    if was:
        parts.existing_ledger.record_event(now, "demoted", text)
    hints = (
        "what is held stays, and so does its protection: `trader report positions`",
        "let it trade on paper: `trader paper --once`",
        "when the gap is understood: `trader live arm`",
    )
    return was, RiskError(f"{text}; {'it is demoted to paper' if was else 'it was not armed'}", *hints)


def _costs(run: Run) -> Outcome:
    """Show what own fills cost, the cost model fitted to them, and what each session predicted against what it paid."""
    from dataclasses import asdict

    from trader_cli.cli.views_insight import costs_view
    from trader_cli.jobs.fitting import fitted

    parts = run.wiring()
    insight = parts.settings.insight
    found = fitted(parts.existing_ledger, parts.settings.venue.id, insight.fit_fills, insight.fit_quantile_pct)
    result = {**asdict(found), "enough": found.is_enough}
    return Outcome("report.costs/1", result, lambda console: costs_view(console, result))


def _strategies(
    run: Run,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STRATEGY]…", help="Only these.", autocompletion=complete_strategies, show_default=False
        ),
    ] = None,
    with_drift: Annotated[
        bool, typer.Option("--drift/--no-drift", help="Re-run the newest session of each deployed strategy, too.")
    ] = True,
) -> Outcome:
    """Put all strategies into one table, and name those that no longer earn their keep, with the evidence."""
    from dataclasses import asdict

    from trader_cli.cli.strategy import standing_of
    from trader_cli.cli.views_insight import strategies_view
    from trader_cli.jobs.retirement import Drifted, Known, Limits, chosen, strategy_line, traders_of

    parts = run.wiring()
    ledger, insight = parts.existing_ledger, parts.settings.insight
    deployed = {one.strategy: one for one in ledger.deployments()}
    sessions = ledger.sessions()
    tried = _backtests(ledger)
    known = [*deployed, *(name for one in sessions for name in traders_of(one)), *tried]
    known += [one.strategy for one in ledger.verdicts(None, _RUNS)]
    wanted = chosen(names or (), sorted(dict.fromkeys(known)))
    notes: list[str] = []
    drifts: dict[str, Drifted] = {}
    for name in wanted if with_drift else ():
        if name in deployed and (session := _real(sessions, name)) is not None:
            try:
                found = _drifted(parts, session)
            except TraderError as error:
                notes.append(f"the drift of `{name}` is not known: {error.message}")
            else:
                drifts[name] = Drifted(found.run_id, found.verdict, found.reason)
    standings = {name: standing_of(parts, ledger, name, deployed.get(name)) for name in wanted}
    facts = Known(deployed, tried, standings, drifts)
    limits = Limits(insight.retire_days, insight.retire_trades)
    hold = _holder(parts)
    lines = [asdict(strategy_line(ledger, name, facts, hold, limits, parts.now_ms())) for name in wanted]
    # Two flat tables: what each brought, by source, and what is to be said of each.
    brought = [{"strategy": one["strategy"], **each} for one in lines for each in one.pop("results")]
    drifted = [{"strategy": one["strategy"], **each} for one in lines if (each := one.pop("drift"))]
    judged = {"days": limits.days, "trades": limits.trades}
    result = {**judged, "strategies": lines, "results": brought, "drifts": drifted, "notes": notes}
    return Outcome("report.strategies/1", result, lambda console: strategies_view(console, result))


def _backtests(ledger: Ledger) -> dict[str, RunSummary]:
    """Return the newest backtest of each strategy that was tried alone."""
    found: dict[str, RunSummary] = {}
    for one in ledger.runs(_RUNS):
        if one.mode == "backtest" and "," not in one.strategy:
            found.setdefault(one.strategy, one)
    return found


def _real(sessions: Sequence[Session], name: str) -> Session | None:
    """Return the newest session of a strategy at a venue, a live one before one on paper."""
    from trader_cli.jobs.retirement import source_of, traders_of

    mine = [one for one in sessions if name in traders_of(one) and source_of(one) != "replay"]
    return min(mine, key=lambda one: one.mode != "live", default=None)


def _holder(parts: Wiring) -> Callable[[Session, int, int], float]:
    """Return how buy-and-hold of a session's symbols is known: from the stored bars, equal parts of each."""
    from trader_cli.jobs.drift_rerun import exchanges_of
    from trader_cli.model.timeframe import Timeframe

    def hold(session: Session, since_ms: int, until_ms: int) -> float:
        frame = Timeframe.parse(session.timeframe)
        exchange = next(iter(exchanges_of(session)), None)
        gains = []
        for one in session.instruments:
            try:
                bars = parts.bars.load(one.symbol, exchange, frame, since_ms - frame.ms, until_ms)
            except TraderError:
                return float("nan")
            if len(bars) < 2:
                return float("nan")
            gains.append(float(bars.close[-1] / bars.close[0]) - 1.0)
        return sum(gains) / len(gains) * 100 if gains else float("nan")

    return hold
