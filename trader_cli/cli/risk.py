"""`trader risk`: what is halted and by which rule; the kill switch, and the way back with a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import UsageError, did_you_mean
from trader_cli.model.risk import ALL

if TYPE_CHECKING:
    from trader_cli.ledger import HaltState, Ledger
    from trader_cli.model.risk import RiskEvent
    from trader_cli.wiring import Wiring

_WalletName = Annotated[
    str | None, typer.Option("--wallet", metavar="NAME", help="Only this wallet; without it the whole account.")
]

app = typer.Typer(help="The kill switch and the breakers: status, halt, resume.", no_args_is_help=True)


@command(app, "status")
def _status(
    run: Run,
    limit: Annotated[int, typer.Option(help="How many risk events to list, newest first.", min=1)] = 20,
) -> Outcome:
    """Show what is halted, since when and by which rule, and what the rules did last."""
    parts = run.wiring()
    ledger = _ledger(parts)
    halted = {} if ledger is None else ledger.halted()
    events = [] if ledger is None else ledger.risk_events(limit)
    names = dict.fromkeys((ALL, *_wallets(parts, ledger), *halted))
    # A wallet that nobody halted enters nothing either while the whole account is halted.
    free = "halted_by_all" if ALL in halted else "running"
    result = {
        "halted": bool(halted),
        "scopes": [_scope(name, halted.get(name), free) for name in names],
        "events": [_event(one) for one in events],
    }
    return Outcome("risk.status/1", result, lambda console: _status_view(console, result))


@command(app, "halt")
def _halt(
    run: Run,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept in the ledger.")],
    wallet: _WalletName = None,
    close_positions: Annotated[
        bool, typer.Option("--close-positions", help="Let the next cycle sell what is held, too.")
    ] = False,
) -> Outcome:
    """Let nothing enter any more, until `trader risk resume`."""
    from dataclasses import replace

    from trader_cli.ledger import HaltState

    parts = run.wiring()
    text = _reason(reason)
    _name(wallet)
    known = _wallets(parts, _ledger(parts))
    wanted = HaltState(wallet or ALL, parts.now_ms(), close_positions, text)
    before = parts.ledger.halt(wanted.since_ms, wanted.scope, text, close_positions=close_positions)
    state = wanted if before is None else replace(before, close_positions=before.close_positions or close_positions)
    # A halt is never refused for a name that is not known: the note says that it may be a slip of the pen.
    notes = [_unknown(wallet, known)] if wallet is not None and known and wallet not in known else []
    result = {"already_halted": before is not None, **_scope(state.scope, state), "notes": notes}

    def view(console: Any) -> None:
        if before is None:
            console.print(f"halted: {_whom(state.scope)} enters nothing until `trader risk resume`", markup=False)
        else:
            console.print(f"{_whom(state.scope)} was halted already, {_since(before)}", markup=False)
        if state.close_positions:
            console.print("what is held is sold by the next cycle")
        for note in notes:
            console.print(f"note: {note}", markup=False)

    return Outcome("risk.halt/1", result, view)


@command(app, "resume")
def _resume(
    run: Run,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it is safe again; kept in the ledger.")],
    wallet: _WalletName = None,
) -> Outcome:
    """Let it enter again; say what had tripped, with its numbers."""
    parts = run.wiring()
    text = _reason(reason)
    _name(wallet)
    scope = wallet or ALL
    ledger = _ledger(parts)
    before = None if ledger is None else ledger.resume(parts.now_ms(), scope, text)
    still = {} if ledger is None else ledger.halted()
    result = {
        "resumed": before is not None,
        "scope": scope,
        "reason": text,
        "was": None if before is None else _scope(scope, before),
        "still_halted": [_scope(name, state) for name, state in still.items()],
    }

    def view(console: Any) -> None:
        if before is None:
            console.print(f"nothing to resume: {_whom(scope)} is not halted", markup=False)
        else:
            console.print(f"resumed: {_whom(scope)} may enter again; it was halted {_since(before)}", markup=False)
        for name in still:
            option = "" if name == ALL else f" --wallet {name}"
            console.print(f"still halted: {_whom(name)}; `trader risk resume{option} --reason …`", markup=False)

    return Outcome("risk.resume/1", result, view)


def _ledger(parts: Wiring) -> Ledger | None:
    """Return the ledger of this home, None where there is none yet: nothing is halted then."""
    from trader_cli.ledger.database import sqlite_path

    path = sqlite_path(parts.settings.ledger.url, parts.home)
    return parts.existing_ledger if path is None or path.exists() else None


def _wallets(parts: Wiring, ledger: Ledger | None) -> list[str]:
    """Return the wallets that the configuration or the ledger knows."""
    stated = [name for name, one in parts.settings.wallets.items() if one.share_pct]
    seen = [] if ledger is None else [name for name in ledger.scopes() if name != ALL]
    return list(dict.fromkeys((*stated, *seen)))


def _reason(text: str) -> str:
    """Return the reason on one line. Raises UsageError for one that says nothing or cannot be kept."""
    plain = " ".join(text.split())
    if not plain or not plain.isprintable():
        raise UsageError("`--reason` says nothing" if not plain else "`--reason` is not readable text", "say why")
    return plain


def _name(wallet: str | None) -> None:
    from trader_cli.ledger.posting import check_wallet_name

    if wallet == ALL:
        raise UsageError(f"`--wallet {ALL}` is no wallet", "leave `--wallet` out to mean the whole account")
    if wallet is not None:
        check_wallet_name(wallet)


def _unknown(wallet: str, known: Sequence[str]) -> str:
    near = did_you_mean(wallet, known) or (f"known are {', '.join(f'`{one}`' for one in known)}",)
    return f"neither the configuration nor any run has a wallet `{wallet}`; {near[0]}"


def _whom(scope: str) -> str:
    return "the whole account" if scope == ALL else f"wallet `{scope}`"


def _measured(number: str, limit: str, unit: str) -> str:
    """Return `21.5 %, limit 20 %`, as far as there is anything to say."""
    after = f" {unit}" if unit else ""
    return ", ".join(
        part for part in (f"{number}{after}" if number else "", f"limit {limit}{after}" if limit else "") if part
    )


def _time(ms: int) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _since(state: HaltState) -> str:
    tripped = _measured(state.number, state.limit, state.unit)
    by = f" by {state.rule}" + (f" ({tripped})" if tripped else "") if state.rule else ""
    return f"since {_time(state.since_ms)}{by}: {state.reason}"


def _scope(name: str, state: HaltState | None, free: str = "running") -> dict[str, Any]:
    if state is None:
        texts = dict.fromkeys(("reason", "rule", "number", "limit", "unit"), "")
        return {"scope": name, "state": free, "since": None, "close_positions": False, **texts}
    return {
        "scope": name,
        "state": "halted",
        "since": _time(state.since_ms),
        "close_positions": state.close_positions,
        "reason": state.reason,
        "rule": state.rule,
        "number": state.number,
        "limit": state.limit,
        "unit": state.unit,
    }


def _event(one: RiskEvent) -> dict[str, Any]:
    from dataclasses import asdict

    values = asdict(one)
    return {"time": _time(values.pop("time_ms")), "last": _time(values.pop("last_ms")), **values}


def _status_view(console: Any, result: Mapping[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not result["halted"]:
        console.print("nothing is halted")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("scope", "state", "since", "why"):
        table.add_column(title)
    for one in result["scopes"]:
        why = [one["rule"], _measured(one["number"], one["limit"], one["unit"]), one["reason"]]
        state = one["state"].replace("_", " ") + (", closing" if one["close_positions"] else "")
        style = "" if one["state"] == "running" else "red"
        since = Text(_minute(one["since"]) if one["since"] else "")
        table.add_row(
            Text(one["scope"]), Text(state, style=style), since, Text(" · ".join(part for part in why if part))
        )
    console.print(table)
    if not result["events"]:
        return
    console.print()
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title in ("time", "what", "whom", "rule", "number and limit"):
        shown.add_column(title)
    for one in result["events"]:
        whom = " ".join(one[key] for key in ("wallet", "strategy", "symbol") if one[key]) or "the account"
        what = one["kind"] + (f" × {one['count']}" if one["count"] > 1 else "")
        measured = _measured(one["number"], one["limit"], one["unit"]) or one["message"]
        cells = (_minute(one["time"]), what, whom, one["rule"], measured)
        shown.add_row(*(Text(cell) for cell in cells))
    console.print(shown)


def _minute(moment: str) -> str:
    """Return a time as far as a table shows it."""
    return f"{moment[:16]}Z".replace("T", " ")
