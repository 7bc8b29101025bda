"""API key and secret: from the environment, else the system's keyring. No layer of the configuration may hold them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from trader_cli.config.settings import Venue
from trader_cli.errors import UsageError

SERVICE = "trader"
"""Under which the system's keyring keeps them; the variable's name is the user's name there."""

NAMES_OF_VARIABLES = (
    "venue.key_env",
    "venue.secret_env",
    "fetch.alpaca_key_env",
    "fetch.alpaca_secret_env",
    "alerts.urls_env",
    "sentry.dsn_env",
)
"""Keys whose values are names of the variables that hold secrets."""

ADDRESSES = ("venue.api_url", "fetch.kraken_url", "fetch.binance_url", "fetch.yahoo_url", "fetch.alpaca_url")
"""Keys that stand in for scheme and host of somebody's addresses."""

_LONGEST_NAME = 64
_SECRET = re.compile(
    r"(?:^|_)(?:api|private|secret|access)?(?:key|secret|token|pass|passwd|password|passphrase|credentials?)$"
)


class Secret:
    """A text that says `***` wherever it would be shown: in a message, a log, a traceback. It is no `str`, so that it cannot
    be joined, formatted or stored by accident; `reveal` gives the text to the one place that signs with it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself."""
        return self._text

    def __str__(self) -> str:
        return "***"

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not stored")


def is_variable_name(text: str) -> bool:
    """Tell whether a text can be meant as the name of a variable. Keys and secrets themselves, of mixed letters, cannot."""
    return re.fullmatch(r"[A-Z_][A-Z0-9_]*", text) is not None and len(text) <= _LONGEST_NAME


def hidden(key: str, shown: str) -> str:
    """Return a value as it may be shown: where a variable's name belongs, what is none may be the secret itself."""
    if key in (*ADDRESSES, "metrics.push_url"):
        return re.sub(r"//[^/]*@", "//***@", shown)
    named = key not in NAMES_OF_VARIABLES or is_variable_name(shown)
    return shown if named else "***"


def is_secret_name(key: str) -> bool:
    """Tell whether somebody who states this key, which is none of ours, states a secret: `venue.key`, `api_secret`."""
    return _SECRET.search(key.rpartition(".")[2].lower().replace("-", "_")) is not None


def where_secrets_go(key: str = "TRADER_API_KEY", secret: str = "TRADER_API_SECRET") -> tuple[str, ...]:  # noqa: S107
    """Return the hints that say where key and secret belong; names of variables."""
    return (
        f"put the key into the environment as `{key}` and the secret as `{secret}`",
        f"or into the system's keyring: `keyring set {SERVICE} {key}`, `keyring set {SERVICE} {secret}`",
    )


def credentials(
    venue: Venue, environ: Mapping[str, str], keyring: Callable[[str, str], str | None] | None = None
) -> tuple[Secret, Secret]:
    """Return (API key, API secret) of the configured venue, which show themselves nowhere; else as `pair`."""
    return pair((venue.key_env, venue.secret_env), environ, keyring)


def pair(
    names: tuple[str, str], environ: Mapping[str, str], keyring: Callable[[str, str], str | None] | None = None
) -> tuple[Secret, Secret]:
    """Return what the two variables of a key and its secret hold.

    keyring: how the system's keyring is asked, (service, name) -> text; None = through the package `keyring` where it is
    installed. Raises UsageError that names what is missing.
    """
    ask = keyring or _system_keyring
    found = [(environ.get(name) or ask(SERVICE, name) or "").strip() for name in names]
    if missing := [name for name, text in zip(names, found, strict=True) if not text]:
        neither = " and ".join(f"`{name}`" for name in missing)
        are = "are" if len(missing) > 1 else "is"
        raise UsageError(
            f"{neither} {are} neither in the environment nor in the system's keyring", *where_secrets_go(*names)
        )
    return Secret(found[0]), Secret(found[1])


def secret_of(
    name: str, environ: Mapping[str, str], keyring: Callable[[str, str], str | None] | None = None
) -> Secret | None:
    """Return what a variable holds, from the environment, else from the system's keyring; None where neither has it."""
    text = (environ.get(name) or (keyring or _system_keyring)(SERVICE, name) or "").strip()
    return Secret(text) if text else None


def _system_keyring(service: str, name: str) -> str | None:
    try:
        import keyring
    except ModuleNotFoundError:
        return None
    # A machine without a desktop has no keyring: that is an absence like any other.
    try:
        text = keyring.get_password(service, name)
    except keyring.errors.KeyringError:
        return None
    return None if text is None else str(text)
