"""`trader`: the commands, and the one place where an error becomes an exit code."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from trader_cli import __version__
from trader_cli.cli import (
    alerts,
    backtest,
    config,
    data,
    doctor,
    init,
    ledger,
    live,
    optimize,
    paper,
    report,
    report_insight,
    risk,
    scan,
    serve,
    strategy,
    validate,
)
from trader_cli.cli.faults import fault, translated
from trader_cli.cli.kit import emit, show_error
from trader_cli.errors import UsageError

SIGNALLED = 128
INTERRUPTED = SIGNALLED + signal.SIGINT

app = typer.Typer(
    name="trader",
    help="One-shot trading commands: honest backtests, an exact ledger, one decision path.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"trader {__version__}\n")
        raise typer.Exit


@app.callback()
def main_options(
    _: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """One-shot trading commands: honest backtests, an exact ledger, one decision path."""


scan.register(app)
backtest.register(app)
optimize.register(app)
validate.register(app)
paper.register(app)
report_insight.register(report.app)
serve.register(report.app)
app.add_typer(report.app, name="report")
app.add_typer(data.app, name="data")
app.add_typer(strategy.app, name="strategy")
app.add_typer(ledger.app, name="ledger")
app.add_typer(risk.app, name="risk")
app.add_typer(live.app, name="live")
app.add_typer(alerts.app, name="alerts")
app.add_typer(config.app, name="config")
init.register(app)
doctor.register(app)


def main() -> None:
    """Run the program and exit with the code of cli.md."""
    _mend_streams()
    stopped: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        # SIGTERM ends a command as Ctrl-C does: whatever is being written is taken back or finished.
        signal.signal(number, signal.SIG_IGN)
        stopped.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    code = run(sys.argv[1:])
    if stopped and code == INTERRUPTED:
        code = SIGNALLED + stopped[0]
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Everything is written and closed by now; taking the interpreter apart would cost another 0.2 s.
    os._exit(code)


def _mend_streams() -> None:
    """Make stdout and stderr take whatever is printed: closed ones go nowhere, letters they lack become `?`."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 open as long as we run
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code."""
    words = arguments[: arguments.index("--")] if "--" in arguments else arguments
    as_json = "--json" in words
    verbose = any(re.fullmatch(r"--verbose|-[a-z]*v[a-z]*", word) for word in words)
    try:
        code = app(args=arguments, prog_name="trader", standalone_mode=False)
        sys.stdout.flush()
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        return _reader_gone()
    except SystemExit as end:
        # Typer's own end of a broken pipe; what it leaves otherwise is the shell's completion.
        return _reader_gone() if isinstance(end.__context__, BrokenPipeError) else int(end.code or 0)
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.stdout.write(f"{error}\n")
            return UsageError.exit_code
        known = translated(error) or fault(error, arguments)
        show_error(known, as_json=as_json)
        if verbose:
            traceback.print_exc()
        return known.exit_code
    if code == INTERRUPTED:
        sys.stderr.write("interrupted: nothing was half written\n")
        if as_json:
            body = {"code": "interrupted", "message": "interrupted: nothing was half written", "hints": []}
            emit({"schema": "trader.error/1", "ok": False, "error": body})
    return int(code or 0)


def _reader_gone() -> int:
    # Nothing failed here, and the interpreter gets nothing left to flush into the pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return 0
