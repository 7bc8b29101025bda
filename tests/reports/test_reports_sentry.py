"""A fault told to Sentry: what it is and where in the code, and nothing of whose money it was."""

from __future__ import annotations

import string
import sys
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trader_cli.errors import UsageError
from trader_cli.model.orders import client_id_of
from trader_cli.reports.sentry import chosen, report_fault, scrubbed

sentry_sdk = pytest.importorskip("sentry_sdk", reason="no sentry-sdk")

DSN = "https://0123456789abcdef0123456789abcdef@o1.ingest.example/42"
KEY = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5"
SECRET = "hunter two"  # noqa: S105 a word to look for


def caught(message: str) -> Exception:
    try:
        raise ZeroDivisionError(message)
    except ZeroDivisionError as error:
        return error


def envelopes(message: str, secrets: list[str] | None = None) -> list[Any]:
    """Return what a transport would have sent for a fault with this message."""
    from sentry_sdk.transport import Transport

    sent: list[Any] = []

    class Kept(Transport):
        """The named fake of a transport: it keeps what it is given."""

        def capture_envelope(self, envelope: Any) -> None:
            sent.append(envelope)

    report_fault(DSN, caught(message), "paper", "1.2.3", secrets or [], 5, Kept)
    return sent


def event_of(message: str, secrets: list[str] | None = None) -> dict[str, Any]:
    (envelope,) = envelopes(message, secrets)
    return dict(envelope.get_event())


@pytest.mark.req("R2.8")
def test_an_event_holds_the_fault_where_it_was_the_command_and_nothing_else() -> None:
    event = event_of("division by zero")
    assert set(event) <= {
        "event_id",
        "timestamp",
        "platform",
        "level",
        "release",
        "environment",
        "tags",
        "sdk",
        "exception",
    }
    assert (event["release"], event["tags"]) == ("1.2.3", {"command": "paper"})
    ((one),) = event["exception"]["values"]
    assert (one["type"], one["value"]) == ("ZeroDivisionError", "division by zero")
    (frame,) = one["stacktrace"]["frames"]
    # This file is none of the program's: it could be somebody's strategy.
    assert frame == {"filename": "elsewhere", "function": "", "lineno": frame["lineno"], "in_app": False}


@pytest.mark.req("R2.8")
def test_a_frame_of_the_program_is_named_from_its_own_root() -> None:
    frames = [
        {"abs_path": "/home/ann/venv/lib/python3.11/site-packages/trader_cli/cli/paper.py", "function": "_paper", "lineno": 7,
         "vars": {"secret": SECRET}, "context_line": SECRET},
        {"abs_path": "/home/ann/.trader/strategies/my_edge.py", "function": "targets", "lineno": 3},
    ]  # fmt: skip
    event = {"server_name": "anns-laptop", "user": {"id": 1}, "extra": {"sys.argv": [SECRET]},
             "exception": {"values": [{"type": "E", "value": "", "stacktrace": {"frames": frames}}]}}  # fmt: skip
    assert chosen(event, []) == {"exception": {"values": [{"type": "E", "value": "", "stacktrace": {"frames": [
        {"filename": "site-packages/trader_cli/cli/paper.py", "function": "_paper", "lineno": 7, "in_app": False},
        {"filename": "elsewhere", "function": "", "lineno": 3, "in_app": False},
    ]}}]}}  # fmt: skip


CLIENT_ID = client_id_of("live-1|main|BTC/USD|1|entry|0")
PRIVATE = {
    "API key": KEY,
    "secret": SECRET,
    "secret in an address": quote(SECRET),
    "DSN": DSN,
    "order": CLIENT_ID,
    "venue's order": "OQCLML-BW3P3-BUCMWZ",
    "account": "8c74a9904c34",
    "run": "20261121T173215-f4e111",
    "home": "/home/ann/trader/strategies/my_edge.py",
    "user": "ann@example.com",
    "alert address": "mailto://ann:pass-word@example.com",
    "balance": "10,432.55",
}


@pytest.mark.req("R2.8")
@pytest.mark.parametrize("what", PRIVATE)
def test_nothing_private_leaves_in_any_form(what: str) -> None:
    text = PRIVATE[what]
    (envelope,) = envelopes(f"could not `{text}` after {text}: {text!r}", [KEY, SECRET])
    # The address it goes to is the DSN's own; what is sent there is this.
    for item in envelope.items:
        sent = item.payload.get_bytes().decode()
        for secret in (text, KEY, SECRET, "ann", "my_strategy", DSN):
            assert secret not in sent.replace("cannot", ""), sent


OTHERS = st.text(string.digits + string.punctuation + string.whitespace, max_size=40)


@given(st.text(string.ascii_letters, min_size=4, max_size=60), OTHERS, OTHERS, OTHERS)
def test_a_secret_never_survives_whatever_it_holds_and_stands_around_it(
    word: str, inside: str, before: str, after: str
) -> None:
    secret = f"{word}{inside}{word}"
    assert word not in scrubbed(f"{before}{secret}{after}", [secret])


@pytest.mark.parametrize(("text", "left"), [
    ("list index out of range", "list index out of range"),
    ("could not convert string to float: 'abc'", "could not convert string to float: 'abc'"),
    ("[Errno 13] Permission denied: '/home/ann/trader.db'", "[Errno #] Permission denied: '…/trader.db'"),
    ("shapes (500,3) and (2,) differ", "shapes (#) and (#,) differ"),
    ("unsupported operand type(s) for +: 'NoneType' and 'int'", "unsupported operand type(s) for +: 'NoneType' and 'int'"),
])  # fmt: skip
def test_what_helps_to_mend_it_stays(text: str, left: str) -> None:
    assert scrubbed(text, []) == left


def test_a_text_is_cut_and_nothing_of_a_secret_remains_at_the_cut() -> None:
    found = scrubbed("x" * 495 + KEY, [KEY])
    assert len(found) <= 500
    assert KEY[:4] not in found


def test_without_the_package_or_with_a_dsn_that_is_none_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="is none") as refused:
        report_fault("https://nothing", caught("x"), "paper", "1", [], 1)
    assert "https://nothing" not in str(refused.value)
    monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    with pytest.raises(UsageError, match="sentry-sdk"):
        report_fault(DSN, caught("x"), "paper", "1", [], 1)
