"""`trader alerts`: who is told of trouble; by every cycle itself, and by cron where no cycle runs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import typer

from trader_cli.cli.kit import Outcome, Run, command
from trader_cli.errors import LeaseError, TraderError, UsageError, VenueError

if TYPE_CHECKING:
    from trader_cli.config.secrets import Secret
    from trader_cli.jobs.alerting import Memory, Trouble
    from trader_cli.ledger import Ledger
    from trader_cli.wiring import Wiring

_HOUR_MS = 3_600_000
_FILE = "alerts.json"

app = typer.Typer(help="Who is told of trouble: check, test.", no_args_is_help=True)


@command(app, "check")
def _check(run: Run) -> Outcome:
    """Look for trouble and tell what is new, lasting or over; for cron, also where no cycle runs any more."""
    parts = run.wiring()
    until = monotonic() + parts.settings.alerts.limit_s
    where = _addresses(parts, until)
    if where is None:
        raise _nowhere(parts)
    result = look(parts, where, "", None, until, run.note)
    error = VenueError("; ".join(result["problems"])) if result["problems"] else None

    def view(console: Any) -> None:
        for one in result["troubles"]:
            console.print(f"{one['kind']}: {one['message']}", markup=False)
        if not result["troubles"]:
            console.print("nothing is wrong")
        lines = "1 line" if result["lines"] == 1 else f"{result['lines']} lines"
        told = f"told {lines}" if result["lines"] else "nobody was told anything new"
        told += f", and {result['again']} that an address had not taken before" if result["again"] else ""
        console.print(told + (f", {result['held']} wait for the hour to pass" if result["held"] else ""))

    return Outcome("alerts.check/1", result, view, error)


@command(app, "test")
def _test(run: Run) -> Outcome:
    """Send one message to every address, to see that it comes."""
    parts = run.wiring()
    until = monotonic() + parts.settings.alerts.limit_s
    where = _addresses(parts, until)
    if where is None:
        raise _nowhere(parts)
    from trader_cli.reports.alerts import Message, tell

    said = ("trader: a test", "this is a test: alerts of this home come here")
    done = tell([Message(name, one, *said) for name, one in _named(where).items()], _left(until))
    result = {"reached": len(done.taken), "problems": list(done.problems)}
    error = None
    if done.problems:
        error = VenueError("; ".join(done.problems), "Apprise's own documentation shows each kind of address")

    def view(console: Any) -> None:
        console.print(f"sent to {len(done.taken)} of {len(done.taken) + len(done.problems)} addresses")

    return Outcome("alerts.test/1", result, view, error)


def after_run(run: Run, command: str, exit_code: int, message: str, until: float) -> None:
    """Tell what a cycle left, where somebody is to be told; whatever keeps it from that is one line on stderr.

    until: by which that is done, of time.monotonic(); the limit of telling holds too.
    """
    parts = run.wired
    if parts is None:
        return
    try:
        until = min(until, monotonic() + parts.settings.alerts.limit_s)
        where = _addresses(parts, until)
        if where is not None:
            for one in look(parts, where, command, (exit_code, message), until, run.note)["problems"]:
                run.note(f"warning: an alert was not sent: {one}")
    except LeaseError:
        # Another run tells just now; what it did not see is told by the next.
        return
    except TraderError as error:
        run.note(f"warning: an alert was not sent: {error.message}")


def look(
    parts: Wiring,
    where: Secret,
    command: str,
    ended: tuple[int, str] | None,
    until: float,
    note: Callable[[str], None],
) -> dict[str, Any]:
    """Compare trouble with what was told, tell the difference, remember it, and what an address did not take.

    ended: of a run: exit code, what was wrong. until: by which everybody is told, of time.monotonic().
    """
    from trader_cli.config.lease import take_lease
    from trader_cli.jobs.alerting import due, run_trouble, settled, troubles, unreadable, weigh
    from trader_cli.reports.alerts import Message, tell

    settings, now = parts.settings.alerts, parts.now_ms()
    lease = take_lease(parts.home / "locks", "alerts")
    try:
        ledger, blind = None, False
        found: list[Trouble] = []
        try:
            ledger = _ledger(parts)
            if ledger is not None:
                found = troubles(ledger, now, settings.heartbeat_bars)
        except TraderError as error:
            # That alone is worth a message: whatever else is wrong, nobody knows now.
            ledger, blind = None, True
            found = [unreadable(error.message)]
        if ended is not None:
            found += run_trouble(command, *ended, found)
        path = parts.home / _FILE
        memory = _memory(path, note)
        weighed = weigh(
            memory,
            found,
            settings.muted,
            settings.repeat_h * _HOUR_MS,
            settings.most_per_hour,
            now,
            command,
            blind=blind,
        )
        known = _named(where)
        messages = due(memory, weighed, list(known))
        taken: tuple[str, ...] = ()
        problems: tuple[str, ...] = ()
        if messages:
            try:
                done = tell([Message(name, known[name], *one) for name, one in messages.items()], _left(until))
            except TraderError as error:
                problems = (error.message,)
            else:
                taken, problems = done.taken, done.problems
        lines = len(weighed.text.splitlines()) if taken else 0
        again = sum(len(memory.waiting[name].lines) for name in taken if name in memory.waiting)
        memory, given_up = settled(memory, weighed, list(known), taken, settings.retry_h * _HOUR_MS, now)
        problems = (*problems, *given_up)
        if ledger is not None and (weighed.text or again or given_up):
            ledger.record_event(now, "alert", _recorded(weighed.text, lines, again, problems))
        _remember(path, memory)
    finally:
        lease.release()
    rows = [{"kind": one.kind, "message": one.message} for one in found]
    return {"troubles": rows, "lines": lines, "again": again, "held": weighed.held, "problems": list(problems)}


def _recorded(text: str, lines: int, again: int, problems: Sequence[str]) -> str:
    heads = [f"told {lines} lines" if lines else "could not be told"] if text else []
    if again:
        heads.append(f"told {again} lines that waited")
    return "; ".join((*heads, *problems)) + (f": {' | '.join(text.splitlines())}" if text else "")


def _named(where: Secret) -> dict[str, str]:
    from trader_cli.reports.alerts import addresses, named

    return named(addresses(where.reveal()))


def _left(until: float) -> float:
    return max(0.0, until - monotonic())


def _addresses(parts: Wiring, until: float) -> Secret | None:
    """Return where to, None where nobody is to be told."""
    from trader_cli.cli.afterwards import within
    from trader_cli.config.secrets import secret_of

    settings = parts.settings.alerts
    # A keyring that waits for somebody to unlock it waits for ever.
    return within(_left(until), lambda: secret_of(settings.urls_env, os.environ))


def _nowhere(parts: Wiring) -> UsageError:
    from trader_cli.config.secrets import SERVICE

    name = parts.settings.alerts.urls_env
    return UsageError(
        f"`{name}` is neither in the environment nor in the system's keyring: there is nobody to tell",
        f"put Apprise's addresses into it, e.g. `{name}=mailto://USER:PASSWORD@example.com`",
        f"or into the system's keyring: `keyring set {SERVICE} {name}`",
    )


def _ledger(parts: Wiring) -> Ledger | None:
    from trader_cli.ledger.database import sqlite_path

    path = sqlite_path(parts.settings.ledger.url, parts.home)
    return parts.existing_ledger if path is None or path.exists() else None


def _memory(path: Path, note: Callable[[str], None]) -> Memory:
    from trader_cli.jobs.alerting import Memory, memory_of

    try:
        return memory_of(json.loads(path.read_text("utf-8")))
    except FileNotFoundError:
        return Memory()
    except (OSError, ValueError) as error:
        note(f"warning: {path} cannot be read and begins anew: {error}")
        return Memory()


def _remember(path: Path, memory: Memory) -> None:
    from trader_cli.jobs.alerting import memory_row
    from trader_cli.market.files import replacing

    text = json.dumps(memory_row(memory))
    # Most looks find what the last one left.
    if path.exists() and path.read_bytes() == text.encode():
        return
    with replacing(path) as temporary:
        temporary.write_text(text, "utf-8")
