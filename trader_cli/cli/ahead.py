"""The lease of a cycle, taken before anything heavy is imported: of many runs started together, all but one are gone at once.

Nothing here imports more than a lease needs. What it cannot make sense of it leaves to the command itself, which takes the
lease if nobody did, and says what is wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from trader_cli.errors import LeaseError, sentence

# Options with a value of their own, as far as a cycle's commands have them: the word after them is no sub-command.
_FLAGS = {"--json", "-q", "--quiet", "-v", "--verbose", "--no-color", "--once", "--dry-run", "--replay", "--fresh"}
_MEANT = ("--once", "--dry-run", "--every")


def refused(words: Sequence[str], env: Mapping[str, str]) -> int | None:
    """Take the lease of the cycle that these words ask for; return the exit code where another run holds it, else None."""
    mode = _mode(words, env)
    if mode is None:
        return None
    from trader_cli.config.home import home_text
    from trader_cli.config.lease import take_ahead

    try:
        home = home_text(_value(words, "--home"), env, os.getcwd())  # noqa: PTH109 text, as there
        take_ahead(os.path.join(home, "locks"), mode)  # noqa: PTH118
    except LeaseError as error:
        _tell(error, as_json="--json" in words)
        return error.exit_code
    except (OSError, RuntimeError):
        # A folder that cannot be written or is nobody's: the command says so in its own words.
        return None
    return None


def _mode(words: Sequence[str], env: Mapping[str, str]) -> str | None:
    """Return `paper` or `live` where these words are a cycle, None for any other command."""
    if not words or words[0] not in ("paper", "live") or "_TRADER_COMPLETE" in env:
        return None
    if any(one in ("-h", "--help", "--version", "--") for one in words):
        return None
    if words[0] == "paper":
        return "paper"
    if not any(one.partition("=")[0] in _MEANT for one in words):
        return None
    rest = iter(words[1:])
    for one in rest:
        if not one.startswith("-"):
            return None  # a sub-command: arm, disarm
        if one not in _FLAGS and "=" not in one:
            next(rest, None)
    return "live"


def _value(words: Sequence[str], option: str) -> str | None:
    """Return the last value that the words give an option."""
    found = None
    for i, one in enumerate(words):
        name, equals, value = one.partition("=")
        if name == option:
            found = value if equals else words[i + 1] if i + 1 < len(words) else None
    return found


def _tell(error: LeaseError, *, as_json: bool) -> None:
    try:
        os.write(2, sentence(error).encode())
        if as_json:
            import json

            from trader_cli.errors import body

            told = {"schema": "trader.error/1", "ok": False, "error": body(error)}
            os.write(1, json.dumps(told).encode() + b"\n")
    except OSError:
        # Nobody listens; the exit code says it.
        return
