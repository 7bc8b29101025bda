"""What an exception means to the user: a parser's complaint, a machine that refuses, or a fault of ours with its log."""

from __future__ import annotations

import errno
import re
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from trader_cli import __version__
from trader_cli.errors import DataError, TraderError, UsageError, did_you_mean

_LOG_BYTES = 1_000_000


def translated(error: BaseException) -> TraderError | None:
    """Return the TraderError that says what a foreign error means to the user, None for a fault of ours."""
    if isinstance(error, TraderError):
        return error
    if hasattr(error, "format_message"):
        return _usage(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        where = f" at `{error.filename}`" if error.filename else ""
        return DataError(
            f"the disk is full{where}", "free some space and run the command again; nothing was half written"
        )
    if isinstance(error, FileNotFoundError) and error.filename is None:
        return UsageError("the current folder does not exist any more", "go to another one and run the command again")
    if isinstance(
        error, PermissionError | IsADirectoryError | NotADirectoryError | FileExistsError | FileNotFoundError
    ):
        said = str(error.strerror)
        return UsageError(
            f"`{error.filename}`: {said[:1].lower()}{said[1:]}", "name another file or folder, or mend its permissions"
        )
    return None


def _usage(error: Any) -> UsageError:
    """Return the parser's complaint in our words. Its classes are private to Typer: they are known by what they have."""
    message = re.sub(r"'([^']*)'", r"`\1`", error.format_message().rstrip(".")).replace(": Input ", ": input ")
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "trader"
    hints: list[str] = []
    if hasattr(error, "possibilities"):
        message = f"there is no option `{error.option_name}`"
        hints += [f"did you mean `{one}`?" for one in (error.possibilities or [])[:1]]
    elif unknown := re.match(r"No such command `([^`]*)`", message):
        message = f"there is no command `{unknown[1]}`"
        if context is not None:
            hints += did_you_mean(unknown[1], context.command.list_commands(context))
    hints.append(f"`{command} --help` shows what there is")
    return UsageError(message[:1].lower() + message[1:], *hints)


def fault(error: Exception, arguments: list[str]) -> TraderError:
    """Return a fault of the program as one line; its traceback goes to the log."""
    where = _log(error, arguments)
    kept = f"the traceback is in `{where}`" if where else "run it again with `-v` for the traceback"
    said = next(iter(str(error).splitlines()), "")
    found = TraderError(f"unexpected {type(error).__name__}: {said}", f"this is a fault of the program: {kept}")
    found.code = "fault"
    return found


def _log(error: Exception, arguments: list[str]) -> Path | None:
    from platformdirs import user_log_path

    head = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} trader {__version__} {arguments}\n"
    try:
        folder = user_log_path("trader", appauthor=False)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "trader.log"
        if path.exists() and path.stat().st_size > _LOG_BYTES:
            path.replace(path.with_suffix(".log.1"))
        with path.open("a", encoding="utf-8", errors="replace") as log:
            log.write(head + "".join(traceback.format_exception(error)) + "\n")
    except OSError:
        return None
    return path
