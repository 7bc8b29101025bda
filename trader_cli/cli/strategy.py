"""`trader strategy`: which there are, what they say, a new one, and which of them trade."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command, complete_strategies, parameters
from trader_cli.errors import StrategyError, did_you_mean

if TYPE_CHECKING:
    from trader_cli.jobs.gate import Standing
    from trader_cli.ledger import Ledger
    from trader_cli.model.session import Deployment
    from trader_cli.wiring import Wiring

app = typer.Typer(help="Strategies: list, show, new, deploy, retire.", no_args_is_help=True)


@command(app, "list")
def _list(run: Run) -> Outcome:
    """List the strategies, yours before the built-in ones: what validation says, and how the deployed ones do on paper."""
    parts = run.wiring()
    ledger = ledger_of(parts)
    deployed = {} if ledger is None else {one.strategy: one for one in ledger.deployments()}
    rows: list[dict[str, Any]] = [
        {"name": one.name, "builtin": one.builtin, "summary": one.summary, "path": str(one.path), "deployed": None}
        for one in parts.strategies.files()
    ]
    known = {row["name"]: row for row in rows}
    for name, one in deployed.items():
        if name not in known:
            known[name] = {"name": name, "builtin": False, "summary": "its file is gone", "path": "", "deployed": None}
            rows.append(known[name])
        known[name]["deployed"] = _deployed_row(parts, ledger, one)
    for row in rows:
        row["validation"] = _validation_row(standing_of(parts, ledger, row["name"], deployed.get(row["name"])))
    judged = any(row["validation"]["time"] for row in rows)

    def view(console: Any) -> None:
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        more = (*(("deployed",) if deployed else ()), *(("validation",) if judged else ()))
        for title in ("strategy", "", *more, "what it holds"):
            table.add_column(title)
        for row in rows:
            where = (Text(_deployed_text(row["deployed"])),) if deployed else ()
            proof = (Text(_validation_text(row["validation"])),) if judged else ()
            table.add_row(row["name"], "built in" if row["builtin"] else "yours", *where, *proof, Text(row["summary"]))
        console.print(table)
        for row in rows:
            if row["validation"]["time"] and row["validation"]["reason"]:
                console.print(f"note: `{row['name']}` {row['validation']['reason']}", markup=False)
        for row in rows:
            if row["deployed"] and row["deployed"]["changed"]:
                again = f"look at it and deploy it again: `trader strategy deploy {row['name']}`"
                console.print(
                    f"note: `{row['name']}` or the program changed since it was deployed; {again}", markup=False
                )

    return Outcome("strategy.list/1", {"strategies": rows}, view)


@command(app, "deploy")
def _deploy(
    run: Run,
    name: Annotated[str, typer.Argument(help="File name of the strategy.", autocompletion=complete_strategies)],
    wallet: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Where it trades; default: wherever the configuration names it."),
    ] = None,
    param: Annotated[list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="Set a parameter.")] = None,
) -> Outcome:
    """Let `paper` and `live` trade a strategy; deployed again, it replaces what was."""
    from trader_cli.jobs.deployed import differences, wallet_of
    from trader_cli.jobs.plan import code_digest
    from trader_cli.model.session import Deployment

    parts = run.wiring()
    params = parameters(param)
    loaded = parts.strategies.load(name)
    # Raises for a parameter that it does not have, or not with that value.
    made = loaded.cls(**{**parts.settings.params.get(name, {}), **params})
    wallets = wallet_of(name, wallet or "", parts.purses)
    now = Deployment(name, wallet or "", params, code_digest(loaded.source_digest), parts.now_ms())
    before = parts.ledger.deploy(now.since_ms, now)
    changed = [] if before is None else differences(before, now)
    result = {
        "strategy": name,
        "wallet": now.wallet,
        "wallets": wallets,
        "params": params,
        "all_params": dict(made.params),
        "code_digest": now.code_digest,
        "replaced": before is not None,
        "changes": changed,
    }

    def view(console: Any) -> None:
        where = " and ".join(f"`{one}`" for one in wallets)
        console.print(f"deployed `{name}` in wallet {where}", markup=False)
        if before is not None:
            console.print(f"it was deployed already: {'; '.join(changed) or 'nothing changed'}", markup=False)
        console.print("next: `trader paper --once`", markup=False)

    return Outcome("strategy.deploy/1", result, view)


@command(app, "retire")
def _retire(
    run: Run, name: Annotated[str, typer.Argument(help="A deployed strategy.", autocompletion=complete_strategies)]
) -> Outcome:
    """Let `paper` and `live` trade a strategy no more."""
    parts = run.wiring()
    ledger = ledger_of(parts)
    if ledger is None or not ledger.retire(parts.now_ms(), name):
        deployed = [] if ledger is None else [one.strategy for one in ledger.deployments()]
        there = f"deployed are {', '.join(f'`{one}`' for one in deployed)}" if deployed else "none is deployed"
        raise StrategyError(f"`{name}` is not deployed", *did_you_mean(name, deployed), there)
    return Outcome(
        "strategy.retire/1",
        {"strategy": name},
        lambda console: console.print(f"retired `{name}`: nothing trades it any more", markup=False),
    )


def ledger_of(parts: Wiring) -> Ledger | None:
    """Return the ledger of this home, None where there is none yet: nothing is deployed then."""
    from trader_cli.ledger.database import sqlite_path

    path = sqlite_path(parts.settings.ledger.url, parts.home)
    return parts.existing_ledger if path is None or path.exists() else None


def code_now(parts: Wiring, name: str) -> str | None:
    """Return the code digest of a strategy as its file is now, without running it; None where the file is gone."""
    import hashlib

    from trader_cli.jobs.plan import code_digest

    try:
        source = parts.strategies.find(name).path.read_bytes()
    except (StrategyError, OSError):
        return None
    return code_digest(hashlib.sha256(source).hexdigest())


def standing_of(parts: Wiring, ledger: Ledger | None, name: str, deployed: Deployment | None) -> Standing:
    """Return what validation says of a strategy as it is deployed, else as it was validated last."""
    from trader_cli.jobs.gate import UNVALIDATED, Gate, Standing

    if ledger is None or not ledger.verdicts(name, 1):
        return Standing(name, UNVALIDATED, "was never validated", None)
    known = Gate(
        ledger,
        parts.bars,
        parts.now_ms(),
        parts.settings.validate.max_age_days,
        parts.settings.model_dump(mode="json"),
    )
    if deployed is not None:
        try:
            return known.standing(parts.candidate(name, deployed.params))
        except StrategyError:
            # Its file is gone or broken, and no code was validated that is not there.
            return known.newest(name, None)
    return known.newest(name, code_now(parts, name))


def _validation_row(one: Standing) -> dict[str, Any]:
    from trader_cli.jobs.moments import iso

    return {"status": one.status, "reason": one.reason, "time": "" if one.time_ms is None else iso(one.time_ms)}


def _validation_text(row: dict[str, Any]) -> str:
    return f"{row['status']} {row['time'][:10]}".rstrip()


def _deployed_row(parts: Wiring, ledger: Any, one: Deployment) -> dict[str, Any]:
    from trader_cli.jobs.deployed import practice
    from trader_cli.jobs.moments import iso

    done = practice(one, ledger, parts.now_ms())
    return {
        "wallet": one.wallet,
        "params": dict(one.params),
        "since": iso(one.since_ms),
        "days": round(done.days, 2),
        "paper_trades": done.paper_trades,
        "changed": code_now(parts, one.strategy) != one.code_digest,
    }


def _deployed_text(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    trades = row["paper_trades"]
    text = f"{row['days']:.0f} days, {trades} paper trade{'' if trades == 1 else 's'}"
    return text + (f", wallet {row['wallet']}" if row["wallet"] else "") + (", changed since" if row["changed"] else "")


@command(app, "show")
def _show(
    run: Run,
    name: Annotated[str, typer.Argument(help="File name of the strategy.", autocompletion=complete_strategies)],
) -> Outcome:
    """Show a strategy: its idea, its parameters, its file, what validation says of it."""
    import inspect

    parts = run.wiring()
    loaded = parts.strategies.load(name)
    ledger = ledger_of(parts)
    deployed = None if ledger is None else next((one for one in ledger.deployments() if one.strategy == name), None)
    validation = _validation_row(standing_of(parts, ledger, name, deployed))
    module = inspect.getmodule(loaded.cls)
    text = inspect.cleandoc(loaded.cls.__doc__ or "")
    source = inspect.cleandoc(getattr(module, "__doc__", None) or "")
    params = [
        {
            "name": key,
            "default": one.default,
            "low": one.low,
            "high": one.high,
            "choices": one.choices,
            "help": one.help,
        }
        for key, one in loaded.cls.declared.items()
    ]
    result = {
        "name": name,
        "summary": text,
        "source": source,
        "params": params,
        "path": str(loaded.path),
        "digest": loaded.source_digest,
        "validation": validation,
    }

    def view(console: Any) -> None:
        from rich.table import Table

        console.print(f"{name}: {text}", markup=False)
        if source:
            console.print(f"\n{source}", markup=False)
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for title in ("parameter", "default", "range", "what it is"):
            table.add_column(title)
        console.print()
        for one in params:
            span = loaded.cls.declared[one["name"]].range_text
            table.add_row(str(one["name"]), str(one["default"]), span, str(one["help"]))
        console.print(table)
        why = f": {validation['reason']}" if validation["reason"] else ""
        console.print(f"\nvalidation: {_validation_text(validation)}{why}", markup=False)
        console.print(f"{loaded.path}", markup=False)

    return Outcome("strategy.show/1", result, view)


@command(app, "new")
def _new(
    run: Run, name: Annotated[str, typer.Argument(help="Its name: letters, digits and _.", show_default=False)]
) -> Outcome:
    """Write a new working strategy to start from, into the home's strategies folder."""
    from trader_cli.strategy.template import write_new

    parts = run.wiring()
    path = write_new(parts.home / "strategies", name, parts.strategies.names())
    lines = [f"made {path}", f"try it: `trader backtest {name}`"]
    return Outcome(
        "strategy.new/1",
        {"name": name, "path": str(path)},
        lambda console: console.print("\n".join(lines), markup=False),
    )
