"""Messages to people, by Apprise: e-mail, Telegram, a web hook, whatever has an address there."""

from __future__ import annotations

import logging
import re
import threading
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from trader_cli.errors import UsageError

_BETWEEN = re.compile(r"[\s,]+(?=[a-z][a-z0-9+.-]*://)", re.IGNORECASE)


@dataclass(frozen=True)
class Message:
    """What one address is told. name: what the address is called without showing it."""

    name: str
    address: str = field(repr=False)
    title: str
    text: str


@dataclass(frozen=True)
class Delivery:
    """How telling went. taken: names of the addresses that took it. problems: a line for each of the others."""

    taken: tuple[str, ...]
    problems: tuple[str, ...]


def addresses(text: str) -> list[str]:
    """Return the addresses of a text, with spaces, lines or commas between; what follows a comma within one is its own."""
    return [one.strip(" ,\t\r\n") for one in _BETWEEN.split(text.strip(" ,\t\r\n")) if one.strip(" ,\t\r\n")]


def named(where: Sequence[str]) -> dict[str, str]:
    """Return addresses by what they are called: their place and their kind."""
    return {f"address {number} ({_kind(one)})": one for number, one in enumerate(where, 1)}


def tell(messages: Sequence[Message], limit_s: float) -> Delivery:
    """Send every message, all at once; one that fails or does not come to an end keeps nothing from the others.

    limit_s: how long all of it may take; who has not answered by then did not take it, and is left alone. An address holds a
    password as a rule: no part of it but its kind is ever shown. Raises UsageError without Apprise.
    """
    until = time.monotonic() + limit_s
    with warnings.catch_warnings():
        # That the library uses what is about to go is for its makers to read.
        warnings.simplefilter("ignore")
        return _tell(messages, limit_s, until)


def _tell(messages: Sequence[Message], limit_s: float, until: float) -> Delivery:
    try:
        import apprise
    except ModuleNotFoundError:
        raise UsageError(
            "alerts need the package `apprise`", 'install it: `pip install "trader-cli[notify]"`'
        ) from None
    # What the library has to say holds addresses.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    answers: dict[str, str] = {}
    threads = [threading.Thread(target=_send, args=(apprise, one, answers), daemon=True) for one in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    # Whoever answers from here on is told again: twice is better than never.
    said = {one.name: answers.get(one.name, f"did not answer within {limit_s:.1f} s") for one in messages}
    taken = tuple(name for name, what in said.items() if not what)
    return Delivery(taken, tuple(f"{name} {what}" for name, what in said.items() if what))


def _send(apprise: Any, message: Message, answers: dict[str, str]) -> None:
    """Note what became of one message; empty = it was taken."""
    try:
        sender = apprise.Apprise()
        known = bool(sender.add(message.address))
        plain = apprise.NotifyFormat.TEXT
        done = known and bool(sender.notify(body=message.text, title=message.title, body_format=plain))
    except Exception as error:
        # A plugin's own fault, and its text may hold the address.
        answers[message.name] = f"failed: {type(error).__name__}"
        return
    answers[message.name] = "" if done else "took nothing" if known else "is none that Apprise knows"


def _kind(address: str) -> str:
    head = address.partition("://")[0].lower()
    return head if re.fullmatch(r"[a-z][a-z0-9+]{0,15}", head) and "://" in address else "no address"
