"""`trader`: the commands, and the one place where an error becomes an exit code."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from trader_cli import __version__
from trader_cli.cli import backtest, config, data, init, ledger, report, strategy
from trader_cli.cli.kit import INTERRUPTED, show_error, translated
from trader_cli.errors import TraderError, UsageError, did_you_mean

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


backtest.register(app)
app.add_typer(report.app, name="report")
app.add_typer(data.app, name="data")
app.add_typer(strategy.app, name="strategy")
app.add_typer(ledger.app, name="ledger")
app.add_typer(config.app, name="config")
init.register(app)


def main() -> None:
    """Run the program and exit with the code of cli.md."""
    # SIGTERM ends a command as Ctrl-C does: whatever is being written is taken back or finished.
    signal.signal(signal.SIGTERM, _interrupt)
    code = run(sys.argv[1:])
    with contextlib.suppress(BrokenPipeError):
        sys.stdout.flush()
        sys.stderr.flush()
    # Everything is written and closed by now; taking the interpreter apart would cost another 0.2 s.
    os._exit(code)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(arguments: list[str]) -> int:
    """Run one command line; return its exit code. Never raises but for SystemExit of the interpreter."""
    as_json = "--json" in arguments
    verbose = "-v" in arguments or "--verbose" in arguments
    try:
        code = app(args=arguments, prog_name="trader", standalone_mode=False)
        sys.stdout.flush()
        if code == INTERRUPTED:
            sys.stderr.write("interrupted: nothing was half written\n")
        return int(code or 0)
    except (KeyboardInterrupt, typer.Abort):
        sys.stderr.write("interrupted: nothing was half written\n")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output is gone; give the interpreter nothing left to flush into it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            sys.stdout.write(f"{error}\n")
            return UsageError.exit_code
        known = _usage(error) if hasattr(error, "format_message") else translated(error)
        if known is not None:
            return _fail(known, as_json=as_json, verbose=verbose)
        return _fault(error, as_json=as_json, verbose=verbose)


def _fail(error: TraderError, *, as_json: bool, verbose: bool) -> int:
    show_error(error, as_json=as_json)
    if verbose:
        traceback.print_exc()
    return error.exit_code


def _usage(error: Any) -> UsageError:
    """Return the parser's complaint in our words. Its classes are private to Typer: they are known by what they have."""
    message = error.format_message().rstrip(".")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "trader"
    hints: list[str] = []
    if getattr(error, "option_name", None):
        message = f"there is no option `{error.option_name}`"
        hints += [f"did you mean `{one}`?" for one in (error.possibilities or [])[:1]]
    elif message.startswith("No such command"):
        word = message.split("'")[1]
        message = f"there is no command `{word}`"
        if context is not None:
            hints += did_you_mean(word, context.command.list_commands(context))
    hints.append(f"`{command} --help` shows what there is")
    return UsageError(message[:1].lower() + message[1:], *hints)


def _fault(error: Exception, *, as_json: bool, verbose: bool) -> int:
    where = _log(error)
    kept = f"the traceback is in `{where}`" if where else "run it again with `-v` for the traceback"
    fault = TraderError(f"unexpected {type(error).__name__}: {error}", f"this is a fault of the program: {kept}")
    fault.code = "fault"
    return _fail(fault, as_json=as_json, verbose=verbose)


def _log(error: Exception) -> Path | None:
    from platformdirs import user_log_path

    try:
        folder = user_log_path("trader", appauthor=False)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "trader.log"
        with path.open("a", encoding="utf-8") as log:
            log.write("".join(traceback.format_exception(error)) + "\n")
    except OSError:
        return None
    return path
