"""What only reading a value, or several beside each other, shows: well typed, within bounds, and yet it cannot be meant."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from trader_cli.config.moment import time_ms
from trader_cli.config.secrets import ADDRESSES, hidden, is_variable_name, where_secrets_go
from trader_cli.config.settings import Settings, Wallet
from trader_cli.config.value import Problem, Value, at, masked
from trader_cli.config.variable import states_key
from trader_cli.errors import UsageError
from trader_cli.model.risk import ALL, is_wallet_name
from trader_cli.model.timeframe import Timeframe

_WALLET_LENGTH = 32

Layers = Mapping[str, Sequence[Value]]


def senseless(layers: Layers, tree: Mapping[str, Any], settings: Settings | None) -> list[Problem]:
    """Return what cannot be meant. tree: the winning values, unjudged; settings: what they come to, None = nothing."""
    problems = [*_texts(layers), *_timeframes(layers, tree.get("consensus", {}).get("timeframes"))]
    problems += _wallets(layers, tree.get("wallets", {}))
    if settings is not None:
        problems += _beside_each_other(settings)
    return problems


def _texts(layers: Layers) -> list[Problem]:
    problems: list[Problem] = []

    def read(key: str, parse: Callable[[str], Any]) -> Any:
        stated = layers[key][-1]
        if not isinstance(stated.value, str) or not stated.value:
            return None
        try:
            return parse(stated.value)
        except UsageError as error:
            message = error.message if key in error.message else f"`{key}`: {error.message}"
            problems.append(Problem(f"{message}, {at(stated.where)}", error.hints))
            return None

    read("data.timeframe", Timeframe.parse)
    read("ledger.url", _database)
    for one in ADDRESSES:
        read(one, partial(_address, key=one))
    for section, key, secret in (("venue", "key_env", "secret_env"), ("fetch", "alpaca_key_env", "alpaca_secret_env")):
        first, second = f"{section}.{key}", f"{section}.{secret}"
        named = read(first, partial(_variable, key=first))
        if named is not None and named == read(second, partial(_variable, key=second)):
            problems.append(Problem(f"`{first}` and `{second}` both name `{named}`", ()))
    read("alerts.urls_env", lambda text: _variable(text, "alerts.urls_env"))
    read("sentry.dsn_env", lambda text: _variable(text, "sentry.dsn_env"))
    read("metrics.push_url", _gateway)
    since = read("data.since", lambda text: time_ms(text, "data.since"))
    until = read("data.until", lambda text: time_ms(text, "data.until"))
    if since is not None and until is not None and since >= until:
        first, last = (layers[key][-1].value for key in ("data.since", "data.until"))
        problems.append(Problem(f"`data.since` {first} is not before `data.until` {last}", ()))
    return problems


def _database(url: str) -> None:
    # A password would be printed by `config show` and kept with every run.
    if url != masked(url):
        raise UsageError(
            "`ledger.url` holds a password", "leave it to the database's own means, e.g. `PGPASSWORD` or `~/.pgpass`"
        )
    if re.match(r"[a-z][a-z0-9_+]*://", url) is None:
        raise UsageError(f"`ledger.url` is `{url}`, that is no database URL", "write e.g. `sqlite:///trader.db`")


def _address(url: str, key: str) -> None:
    """Refuse what is no scheme and host: a path would be lost, credentials would be shown."""
    try:
        parts = urlsplit(url)
        whole = (parts.scheme, parts.netloc, parts.hostname, parts.port)
    except ValueError:
        whole, parts = ("", "", None, None), urlsplit("")
    hint = "write scheme and host, e.g. `http://127.0.0.1:8765`"
    if parts.username is not None or parts.password is not None:
        raise UsageError(f"`{key}` holds a name or a password", hint, *where_secrets_go())
    if whole[0] not in ("http", "https") or not whole[2] or re.search(r"\s", url):
        raise UsageError(f"`{key}` is `{url}`, that is no http or https address", hint)
    if url != f"{whole[0]}://{whole[1]}":
        raise UsageError(f"`{key}` is `{url}`, it may hold no path", f"write `{whole[0]}://{whole[1]}`")


def _gateway(url: str) -> None:
    """Refuse what is no http or https address; what it is, is not repeated where it holds a password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    hint = "write e.g. `http://127.0.0.1:9091`"
    if parts.scheme not in ("http", "https") or not parts.hostname or re.search(r"\s", url):
        raise UsageError(
            f"`metrics.push_url` is `{hidden('metrics.push_url', url)}`, that is no http or https address", hint
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError("`metrics.push_url` holds a name or a password, which no setting may hold", hint)


def _variable(text: str, key: str) -> str:
    """Return a variable's name. What cannot be one may be the secret itself: it is not repeated."""
    if not is_variable_name(text):
        raise UsageError(
            f"`{key}` is no name of a variable: capitals, digits and `_`",
            "it names the variable that holds the secret and is never the secret itself",
        )
    if states_key(text):
        raise UsageError(f"`{key}` is `{text}`, which states a setting", "choose another name, e.g. `KRAKEN_KEY`")
    return text


def _timeframes(layers: Layers, texts: object) -> Iterator[Problem]:
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        return
    where = at(layers["consensus.timeframes"][-1].where)
    try:
        read = [Timeframe.parse(text) for text in texts]
    except UsageError as error:
        yield Problem(f"`consensus.timeframes`: {error.message}, {where}", error.hints)
        return
    for one, after in pairwise(read):
        if after <= one:
            hint = 'name them from the shortest up, each once, e.g. `["1m", "5m", "15m"]`'
            yield Problem(f"`consensus.timeframes` {where}: {after} does not come after {one}", (hint,))
    for one in read[1:]:
        if one > read[0] and one.ms % read[0].ms:
            hint = "the bars of the others are made of those of the first"
            yield Problem(f"`consensus.timeframes` {where}: {one} is no multiple of {read[0]}", (hint,))


def _wallets(layers: Layers, stated: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what is wrong with the wallets as a whole: their names, their strategies, the sum of their shares."""
    wallets: dict[str, Wallet] = {}
    for name, values in stated.items():
        if not is_wallet_name(name) or len(name) > _WALLET_LENGTH:
            first = next(iter(values))
            hint = f"use up to {_WALLET_LENGTH} small letters, digits, `-` and `_`; `{ALL}` means every wallet"
            where = at(layers[f"wallets.{name}.{first}"][-1].where)
            yield Problem(f"`{name}` {where} is no name for a wallet", (hint,))
        try:
            wallets[name] = Wallet.model_validate(values)
        except ValidationError:
            # Named already, value by value.
            continue
    for name, wallet in wallets.items():
        for twice in dict.fromkeys(one for one in wallet.strategies if wallet.strategies.count(one) > 1):
            key = f"wallets.{name}.strategies"
            yield Problem(f"`{key}` {at(layers[key][-1].where)} names `{twice}` twice", ())
    total = sum(wallet.share_pct for wallet in wallets.values())
    if total > 100:
        shares = ", ".join(
            f"{name} {wallet.share_pct} {at(layers[f'wallets.{name}.share_pct'][-1].where)}"
            for name, wallet in wallets.items()
            if wallet.share_pct
        )
        hint = "a wallet of another layer goes with `share_pct = 0`"
        yield Problem(f"the wallets share out {total} % of the account: {shares}", (hint,))


def _beside_each_other(settings: Settings) -> Iterator[Problem]:
    exits, allocation = settings.exits, settings.allocation
    points = exits.high_loss_points + exits.high_atr_points + exits.high_share_points
    if exits.high_score > points:
        yield Problem(
            f"`exits.high_score` is {exits.high_score}, and all points together are {points}: it is never reached",
            ("`exits.high_score=0` switches the rule of",),
        )
    if allocation.method == "performance" and allocation.floor_pct > allocation.cap_pct:
        yield Problem(
            f"`allocation.floor_pct` {allocation.floor_pct} is above `allocation.cap_pct` {allocation.cap_pct}", ()
        )
