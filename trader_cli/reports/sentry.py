"""A fault of the program told to Sentry: its kind, where in the code, and nothing of whose money it was.

What is sent is chosen, not what is left out: an event holds the names below and no others. Texts lose secrets, addresses,
folders, and whatever looks like an order, an account or a key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from trader_cli.errors import UsageError, VenueError

if TYPE_CHECKING:
    from sentry_sdk.transport import Transport
    from sentry_sdk.types import Event

_KEPT = ("event_id", "timestamp", "platform", "level", "release", "environment", "tags", "sdk")
_ROOTS = ("trader_cli", "site-packages", "dist-packages")
_HIDDEN = "***"
_SHORTEST = 4
_LONGEST = 500
_UNTOLD = (
    # Names and passwords of an address, e-mail.
    (re.compile(r"//[^/\s]*@"), f"//{_HIDDEN}@"),
    (re.compile(r"[^\s@<>'\"`]+@[^\s@<>'\"`]+"), _HIDDEN),
    # Folders of a machine: what a file is called may stay.
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][^\\/\s'\"`:,]+)+[\\/](?=[^\\/\s])"), "…/"),
    # Ids of orders and accounts, of runs, keys and signatures: what mixes letters and digits at such length is no word.
    (re.compile(r"\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F-]{13,}\b"), _HIDDEN),
    (re.compile(r"\b[A-Z0-9]{5,6}-[A-Z0-9]{5}-[A-Z0-9]{5,6}\b"), _HIDDEN),
    (re.compile(r"\b(?=[A-Za-z_+/=-]*\d)(?=[0-9_+/=-]*[A-Za-z])[A-Za-z0-9_+/=-]{12,}"), _HIDDEN),
    # Amounts and prices.
    (re.compile(r"\d+(?:[.,]\d+)*"), "#"),
)


def scrubbed(text: str, secrets: Iterable[str]) -> str:
    """Return a text without secrets, addresses, folders, ids and numbers, at most 500 letters of it."""
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST}, key=len, reverse=True):
        for form in (secret, quote(secret, safe=""), repr(secret)[1:-1]):
            text = text.replace(form, _HIDDEN)
    for pattern, instead in _UNTOLD:
        text = pattern.sub(instead, text)
    return text[:_LONGEST]


def chosen(event: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    """Return what of an event may leave this machine."""
    kept = {name: event[name] for name in _KEPT if name in event}
    values = (event.get("exception") or {}).get("values") or []
    return {**kept, "exception": {"values": [_exception(one, secrets) for one in values]}}


def _exception(one: Mapping[str, Any], secrets: Sequence[str]) -> dict[str, Any]:
    frames = (one.get("stacktrace") or {}).get("frames") or []
    return {
        "type": str(one.get("type", "")),
        "value": scrubbed(str(one.get("value", "")), secrets),
        "stacktrace": {"frames": [_frame(each) for each in frames]},
    }


def _frame(one: Mapping[str, Any]) -> dict[str, Any]:
    parts = PurePath(str(one.get("abs_path") or one.get("filename") or "")).parts
    root = next((i for i, part in enumerate(parts) if part in _ROOTS), None)
    # Of code that is not the program's, e.g. somebody's strategy, not even its name: it may say what it does.
    inside = root is not None
    return {
        "filename": "/".join(parts[root:]) if inside else "elsewhere",
        "function": str(one.get("function", "")) if inside else "",
        "lineno": one.get("lineno"),
        "in_app": inside and parts[root or 0] == "trader_cli",
    }


def report_fault(
    dsn: str,
    error: BaseException,
    command: str,
    release: str,
    secrets: Sequence[str],
    timeout_s: float,
    transport: type[Transport] | None = None,
) -> None:
    """Tell Sentry of a fault. Raises UsageError without its package or for what is no DSN, VenueError where it is not taken.

    command: its name, without what was said to it. secrets: texts that must not leave; the DSN is one of them.
    """
    try:
        import sentry_sdk
        from sentry_sdk.utils import BadDsn, event_from_exception
    except ModuleNotFoundError:
        hint = 'install it: `pip install "trader-cli[sentry]"`'
        raise UsageError("reporting faults needs the package `sentry-sdk`", hint) from None
    hidden = (*secrets, dsn)

    def choose(event: Event, _hint: dict[str, Any]) -> Event:
        return chosen(event, hidden)  # type: ignore[return-value]

    try:
        client = sentry_sdk.Client(
            dsn=dsn,
            release=release,
            transport=transport,
            before_send=choose,
            default_integrations=False,
            auto_enabling_integrations=False,
            include_local_variables=False,
            include_source_context=False,
            max_breadcrumbs=0,
            send_client_reports=False,
            auto_session_tracking=False,
        )
    except BadDsn:
        raise UsageError("the DSN for Sentry is none", "copy it from the project's settings there") from None
    event, _ = event_from_exception(error, client_options=client.options)
    event["tags"] = {"command": command}
    taken = client.capture_event(event)
    client.close(timeout=timeout_s)
    if taken is None:
        raise VenueError("Sentry's client did not take the fault")
