"""`trader live`: leave to trade for real, given with a typed phrase and taken back at any time."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import RiskError, UsageError

if TYPE_CHECKING:
    from trader_cli.jobs.arming import Terms
    from trader_cli.wiring import Wiring

_DAY_MS = 86_400_000

app = typer.Typer()


@command(app, None, measured="live")
def _live(
    run: Run,
    once: Annotated[bool, typer.Option("--once", help="One cycle.")] = False,
    every: Annotated[
        str | None, typer.Option(help="A cycle at every multiple of this: 15m, 4h.", metavar="TIME")
    ] = None,
    lasting: Annotated[str | None, typer.Option("--for", help="How long to go on: 8h, 2d.", metavar="TIME")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the orders, send none, write nothing.")] = False,
) -> Outcome:
    """Trade the deployed strategies for real: one cycle, or a bounded loop of them. Places nothing unless armed."""
    from trader_cli.cli.cycle import alone, loop, naming

    if not (once or dry_run or every is not None):
        raise UsageError(
            "say that you mean it", "one cycle: `trader live --once`", "many: `trader live --every 15m --for 8h`"
        )
    # No setting of this call's own: what trades is the configuration that was armed.
    parts = run.wiring()

    def cycle() -> Outcome:
        with alone(parts, "live"):
            return _cycle(run, parts, dry=dry_run)

    with naming(run, parts, "live"):
        return loop(run, every, lasting, once, cycle)


def _cycle(run: Run, parts: Wiring, *, dry: bool) -> Outcome:
    from trader_cli.cli.cycle import limited, told
    from trader_cli.trading import compiled, live

    compiled(parts, None, {}, run.note)
    with limited(parts.settings.cycle.limit_s) as left_ms:
        return told("live/1", live(parts, dry=dry, left_ms=left_ms, note=run.note))


@command(app, "arm")
def _arm(
    run: Run,
    confirm: Annotated[
        str | None, typer.Option(metavar="PHRASE", help='Instead of typing it: exactly "YES I AM SURE".')
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="Days until it expires; default: cycle.arm_days.", min=1, max=366)
    ] = None,
    allow_unvalidated: Annotated[
        bool, typer.Option("--allow-unvalidated", help="Arm what validation did not pass; every report says so.")
    ] = False,
) -> Outcome:
    """Show what would trade with how much, and let `trader live` place orders once the phrase is typed."""
    from trader_cli.jobs.arming import new_arming
    from trader_cli.jobs.gate import EVENT, candidates, refuse_unvalidated, unvalidated_rows, without_verdict
    from trader_cli.jobs.summary import iso
    from trader_cli.trading import gate

    parts = run.wiring()
    settings = parts.settings
    # No setting of this call: what is armed is the configuration that `trader live` finds.
    lasts = days if days is not None else settings.cycle.arm_days
    account = parts.account
    deployments = parts.ledger.deployments()
    terms = parts.terms(deployments)
    shown = _shown(parts, terms, account)
    _refuse_changed(deployments, terms)
    wanted, known = candidates(parts.deployed_request(deployments), deployments), gate(parts)
    if not allow_unvalidated:
        refuse_unvalidated(known, wanted, "nothing was armed", "or arm it nevertheless: `--allow-unvalidated`")
    unproved = without_verdict(known, wanted)
    shown["unvalidated"] = [{"strategy": name, "reason": reason} for name, reason in unproved.items()]
    _ask(confirm, shown, lasts)
    now = parts.now_ms()
    arming = new_arming(settings.venue.id, account, terms, now, now + lasts * _DAY_MS, unproved)
    parts.ledger.arm(arming)
    if unproved:
        said = ", ".join(f"{name} ({reason})" for name, reason in unproved.items())
        parts.ledger.record_event(now, EVENT, f"armed without validation: {said}")
    result = {
        **shown,
        "unvalidated": unvalidated_rows(arming),
        "since": iso(arming.since_ms),
        "expires": iso(arming.expires_ms),
        "config_digest": arming.config_digest,
        "strategies_digest": arming.strategies_digest,
    }

    def view(console: Any) -> None:
        if confirm is not None:
            for line in _lines(shown):
                console.print(line, markup=False)
        console.print(f"armed until {result['expires']}: `trader live --once` places orders now", markup=False)
        console.print("it is void as soon as a setting, a strategy or its code changes; `trader live disarm` ends it")

    return Outcome("live.arm/1", result, view)


@command(app, "disarm")
def _disarm(
    run: Run,
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why; kept in the ledger.")] = "by hand",
) -> Outcome:
    """Take the leave to trade for real back; orders that rest at the venue stay there."""
    from trader_cli.cli.strategy import ledger_of

    parts = run.wiring()
    ledger = ledger_of(parts)
    text = " ".join(reason.split())
    was = ledger is not None and ledger.disarm(parts.now_ms(), text or "by hand")
    said = "disarmed: `trader live` places nothing" if was else "nothing to disarm: `trader live` was not armed"
    return Outcome(
        "live.disarm/1", {"was_armed": was, "reason": text}, lambda console: console.print(said, markup=False)
    )


def _shown(parts: Wiring, terms: Terms, account: str) -> dict[str, Any]:
    """Return what is agreed to, in words and numbers."""
    from trader_cli.jobs.arming import exposure, limits
    from trader_cli.jobs.deployed import by_wallet, practice
    from trader_cli.trading import at_venue

    settings = parts.settings
    request = at_venue(parts, parts.deployed_request(terms.strategies))
    where = by_wallet(terms.strategies, parts.purses)
    shares = {name: settings.wallets[name].share_pct for name in where if name in settings.wallets}
    rows = []
    for one in terms.strategies:
        done = practice(one, parts.ledger, parts.now_ms())
        rows.append(
            {
                "strategy": one.strategy,
                "wallets": [name for name, strategies in where.items() if one.strategy in strategies],
                "params": dict(one.params),
                "days": round(done.days, 2),
                "paper_trades": done.paper_trades,
            }
        )
    halted = list(parts.ledger.halted())
    return {
        "venue": settings.venue.id,
        "api_url": settings.venue.api_url,
        "account": account,
        "strategies": rows,
        "symbols": list(request.symbols),
        "timeframe": str(request.timeframe),
        **exposure(terms.config, shares),
        "limits": limits(terms.config),
        "halted": halted,
    }


def _refuse_changed(deployments: Any, terms: Terms) -> None:
    """Refuse to arm code that nobody deployed: it never ran on paper."""
    from trader_cli.errors import StrategyError

    before = {one.strategy: one.code_digest for one in deployments}
    changed = [one.strategy for one in terms.strategies if before[one.strategy] != one.code_digest]
    if changed:
        names = " and ".join(f"`{one}`" for one in changed)
        raise StrategyError(
            f"{names} or the program changed since the deployment, nothing was armed",
            *(f"look at it and deploy it again: `trader strategy deploy {one}`" for one in changed),
        )


def _ask(confirm: str | None, shown: Mapping[str, Any], days: int) -> None:
    """Go on only with the phrase, typed or given. Raises RiskError for any other words."""
    from trader_cli.jobs.arming import PHRASE

    typed = confirm
    if typed is None:
        if sys.stdin is None or not sys.stdin.isatty():
            raise UsageError(
                "arming asks for a phrase, and there is no terminal to type it on", f'give it: `--confirm "{PHRASE}"`'
            )
        # What is agreed to is shown whatever the options say of output.
        sys.stderr.write("\n".join(_lines(shown)) + f"\n\nReal orders for {days} days. Type {PHRASE} to agree: ")
        sys.stderr.flush()
        typed = sys.stdin.readline().rstrip("\r\n")
    if typed != PHRASE:
        # Not repeated: whatever was pasted there may be no phrase at all.
        raise RiskError("these are not the words, nothing was armed", f"to agree, the phrase is exactly `{PHRASE}`")


def _lines(shown: Mapping[str, Any]) -> list[str]:
    venue = shown["venue"] + (f" at {shown['api_url']}" if shown["api_url"] else "")
    lines = [f"venue             {venue}, account {shown['account']}"]
    for one in shown["strategies"]:
        params = "".join(f", {name} {value}" for name, value in one["params"].items())
        paper = f"{one['paper_trades']} paper trades in {one['days']:.1f} days"
        lines.append(f"strategy          {one['strategy']} in {' and '.join(one['wallets'])}{params}; {paper}")
    lines += [f"unvalidated       {one['strategy']} {one['reason']}" for one in shown["unvalidated"]]
    lines += [
        f"symbols           {', '.join(shown['symbols'])}, {shown['timeframe']} bars",
        f"cash              {shown['cash']}",
        f"largest position  {shown['largest_position']}, and so the largest order",
        f"limits            {', '.join(f'{key} {value}' for key, value in shown['limits'].items()) or 'none'}",
    ]
    if shown["halted"]:
        lines.append(f"halted            {', '.join(shown['halted'])}: arming does not resume it")
    return lines
