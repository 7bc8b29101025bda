"""Messages to people, by Apprise: e-mail, Telegram, a web hook, whatever has an address there."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from trader_cli.errors import UsageError

_BETWEEN = re.compile(r"[\s,]+(?=[a-z][a-z0-9+.-]*://)", re.IGNORECASE)


@dataclass(frozen=True)
class Delivery:
    """How telling went. reached: addresses that took it. problems: one line for each of the others, without the address."""

    reached: int
    problems: tuple[str, ...]


def addresses(text: str) -> list[str]:
    """Return the addresses of a text, with spaces, lines or commas between; what follows a comma within one is its own."""
    return [one.strip(" ,\t\r\n") for one in _BETWEEN.split(text.strip(" ,\t\r\n")) if one.strip(" ,\t\r\n")]


def tell(where: Sequence[str], title: str, text: str) -> Delivery:
    """Send a message to every address, one after the other; one that fails keeps nothing from the next.

    An address holds a password as a rule: no part of it but its kind is ever shown. Raises UsageError without Apprise.
    """
    with warnings.catch_warnings():
        # That the library uses what is about to go is for its makers to read.
        warnings.simplefilter("ignore")
        return _tell(where, title, text)


def _tell(where: Sequence[str], title: str, text: str) -> Delivery:
    try:
        import apprise
    except ModuleNotFoundError:
        raise UsageError(
            "alerts need the package `apprise`", 'install it: `pip install "trader-cli[notify]"`'
        ) from None
    # What the library has to say holds addresses.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    reached, problems = 0, []
    for number, address in enumerate(where, 1):
        kind = _kind(address)
        sender = apprise.Apprise()
        try:
            known = bool(sender.add(address))
            done = known and bool(sender.notify(body=text, title=title, body_format=apprise.NotifyFormat.TEXT))
        except Exception as error:
            # A plugin's own fault, and its text may hold the address.
            problems.append(f"address {number} ({kind}) failed: {type(error).__name__}")
            continue
        if done:
            reached += 1
        else:
            problems.append(f"address {number} ({kind}) {'took nothing' if known else 'is none that Apprise knows'}")
    return Delivery(reached, tuple(problems))


def _kind(address: str) -> str:
    head = address.partition("://")[0].lower()
    return head if re.fullmatch(r"[a-z][a-z0-9+]{0,15}", head) and "://" in address else "no address"
