"""`trader report serve` and `monitoring`: figures and page for a while, and what others show and watch them with."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import UsageError

if TYPE_CHECKING:
    from trader_cli.ledger import Ledger
    from trader_cli.reports.served import Answer
    from trader_cli.wiring import Wiring


def register(app: typer.Typer) -> None:
    """Add the commands to `trader report`."""
    command(app, "serve")(_serve)
    command(app, "monitoring")(_monitoring)


def _serve(
    run: Run,
    port: Annotated[int, typer.Option(help="Port to listen at; 0 = any that is free.", min=0, max=65_535)] = 8000,
    lasting: Annotated[str, typer.Option("--for", help="How long to go on: 1h, 8h, 2d.", metavar="TIME")] = "1h",
    host: Annotated[
        str, typer.Option(help="Address to listen at; the default is reached from this machine only.")
    ] = "127.0.0.1",
    one: Annotated[
        str | None,
        typer.Option("--run", help="The run of the page; default: the newest session, else the newest run."),
    ] = None,
) -> Outcome:
    """Serve /metrics, /healthz and the page for a while; nothing can be changed there."""
    from trader_cli.cli.cycle import span
    from trader_cli.reports.served import is_loopback, serving

    parts = run.wiring()
    seconds = span(lasting, "--for")
    _ = parts.settings
    paths = {
        "/metrics": lambda: _metrics(parts),
        "/healthz": lambda: _health(parts),
        "/": lambda: _page(parts, one),
    }
    with serving(host, port, paths, run.note) as at:
        run.note(f"serving {at.url}/, /metrics and /healthz for {lasting}")
        if not is_loopback(host):
            run.note("warning: whoever reaches this address sees what is held and earned")
        threading.Event().wait(seconds)
    result = {"url": at.url, "seconds": seconds, "asked": {path: at.asked[path] for path in sorted(paths)}}

    def view(console: Any) -> None:
        counts = ", ".join(f"{path} {count} times" for path, count in result["asked"].items())  # type: ignore[attr-defined]
        console.print(f"served {at.url} for {lasting}: {counts}", markup=False)

    return Outcome("report.serve/1", result, view)


def _monitoring(
    run: Run,  # noqa: ARG001 as every command
    to: Annotated[Path, typer.Option("--to", help="Folder to put them in; made where it is missing.", metavar="DIR")],
) -> Outcome:
    """Write Grafana's dashboard, Prometheus' alert rules and example configurations; what is there already stays."""
    from trader_cli.market.files import replacing
    from trader_cli.wiring import builtin_dir

    each = {one.name: one.read_bytes() for one in sorted(builtin_dir("monitoring").iterdir()) if one.is_file()}
    own = [name for name, content in each.items() if (to / name).exists() and (to / name).read_bytes() != content]
    if own:
        named = ", ".join(f"`{to / name}`" for name in own)
        raise UsageError(f"{named} is there already and differs", "name another folder, or move it away")
    for name, content in each.items():
        with replacing(to / name) as temporary:
            temporary.write_bytes(content)
            temporary.chmod(0o644)
    files = [str(to / name) for name in each]
    result = {"files": files}
    lines = [f"wrote {one}" for one in files]
    lines.append("Grafana: Dashboards, New, Import; Prometheus: `rule_files` in prometheus.yml")
    return Outcome("report.monitoring/1", result, lambda console: console.print("\n".join(lines), markup=False))


def _metrics(parts: Wiring) -> Answer:
    from trader_cli import __version__
    from trader_cli.cli.afterwards import ledger_measures
    from trader_cli.jobs.measures import program_measures
    from trader_cli.reports.metrics import CONTENT_TYPE, metrics_text
    from trader_cli.reports.served import Answer

    # A connection of this request's own: requests come in threads, and a ledger put back from a copy is seen.
    own = _again(parts)
    try:
        families = [*program_measures(__version__), *ledger_measures(own, lambda _: None)]
    finally:
        own.close()
    return Answer(metrics_text(families).encode(), CONTENT_TYPE)


def _health(parts: Wiring) -> Answer:
    from trader_cli.ledger.database import sqlite_path
    from trader_cli.reports.served import Answer

    own = _again(parts)
    try:
        path = sqlite_path(own.settings.ledger.url, own.home)
        if path is None or path.exists():
            own.existing_ledger.cycles(1)
    finally:
        own.close()
    return Answer(b"ok\n")


def _page(parts: Wiring, prefix: str | None) -> Answer:
    from trader_cli.cli.page import page_text
    from trader_cli.reports.served import Answer

    own = _again(parts)
    try:
        _, text = page_text(own, prefix or _newest(own.existing_ledger))
    finally:
        own.close()
    return Answer(text.encode(), "text/html; charset=utf-8")


def _again(parts: Wiring) -> Wiring:
    from trader_cli.wiring import Wiring

    return Wiring(parts.home, parts.preset, parts.flags)


def _newest(ledger: Ledger) -> str:
    """Return the session that acted last, else the newest run."""
    from trader_cli.errors import DataError
    from trader_cli.jobs.report import open_sessions

    sessions = open_sessions(ledger.sessions())
    if sessions:
        return max(sessions, key=lambda one: ledger.last_step(one.run_id).time_ms).run_id
    runs = ledger.runs(1)
    if not runs:
        raise DataError("there is no run yet: `trader backtest momentum` makes one")
    return runs[0].run_id
