"""Leave to trade for real (R4.9): what somebody agreed to, and whether it is still what would happen.

An arming binds to one venue and account, to the whole configuration and to the strategies with their code. Whatever changes
voids it, and the refusal names what did.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Protocol

from trader_cli.errors import RiskError
from trader_cli.jobs.summary import iso
from trader_cli.model.session import Arming, Deployment

PHRASE = "YES I AM SURE"
_ACCOUNT_LENGTH = 12
# What bounds a cycle or names a file says nothing of what is traded.
_UNBOUND = ("cycle.limit_s", "ledger.url")
# How a limit is measured, not one itself.
_NO_LIMITS = ("correlation_bars", "var_bars", "var_confidence_pct")
_SHOWN_CHANGES = 5
_CURE = "look at it and agree again: `trader live arm`"


class Armings(Protocol):
    """Where armings are kept."""

    def armed(self, venue: str, account: str) -> Arming | None:
        """Return the newest arming that nobody took back, expired or not."""
        ...


@dataclass(frozen=True)
class Terms:
    """What is agreed to. config: the resolved settings, JSON-able; strategies: deployed, with their code as it is now."""

    config: Mapping[str, object]
    strategies: tuple[Deployment, ...]

    @property
    def flat(self) -> dict[str, object]:
        """The settings that count, by key."""
        found: dict[str, object] = {}
        _flatten("", self.config, found)
        return {key: found[key] for key in sorted(found) if key not in _UNBOUND}

    @property
    def rows(self) -> list[dict[str, object]]:
        """The strategies in order of name and wallet, without the time of their deployment."""
        rows = [asdict(one) for one in self.strategies]
        for row in rows:
            del row["since_ms"]
            row["params"] = dict(row["params"])
        return sorted(rows, key=lambda row: (row["strategy"], row["wallet"]))

    @property
    def config_digest(self) -> str:
        """SHA-256 (hex) of the settings as canonical JSON."""
        return _digest(self.flat)

    @property
    def strategies_digest(self) -> str:
        """SHA-256 (hex) of names, wallets, parameters and code as canonical JSON."""
        return _digest(self.rows)


def account_of(venue: str, key: str) -> str:
    """Return which account a key opens without giving the key away: 12 hex digits."""
    return hashlib.sha256(f"{venue}|{key}".encode()).hexdigest()[:_ACCOUNT_LENGTH]


def new_arming(
    venue: str,
    account: str,
    terms: Terms,
    since_ms: int,
    expires_ms: int,
    unvalidated: Mapping[str, str] | None = None,
) -> Arming:
    """Return the record of an agreement; it keeps the terms, so that a later change can be named.

    unvalidated: strategies that validation did not pass, and why; agreed to nevertheless.
    """
    summary = {"config": terms.flat, "strategies": terms.rows, "unvalidated": dict(unvalidated or {})}
    return Arming(venue, account, terms.config_digest, terms.strategies_digest, since_ms, expires_ms, summary)


def armed_or_refuse(
    ledger: Armings, venue: str, account: str, terms: Terms, now_ms: int, taken_back: tuple[int, str] | None = None
) -> Arming:
    """Return the arming under which this may be traded now; raises RiskError with the exact reason where there is none.

    taken_back: when leave was taken back last, ms UTC, and why; None = it never was.
    """
    arming = ledger.armed(venue, account)
    if arming is None:
        why = "" if taken_back is None else f": leave was taken back at {iso(taken_back[0])} ({taken_back[1]})"
        raise RiskError(
            f"`{venue}` account {account} is not armed{why}, nothing is placed",
            "agree to live trading: `trader live arm`",
        )
    if now_ms >= arming.expires_ms:
        raise RiskError(f"leave to trade on `{venue}` expired at {iso(arming.expires_ms)}, nothing is placed", _CURE)
    if now_ms < arming.since_ms:
        raise RiskError(
            f"the clock says {iso(now_ms)}, and leave to trade on `{venue}` was given at {iso(arming.since_ms)}",
            "set the machine's clock",
        )
    if reasons := changes(arming, terms):
        raise RiskError(f"{'; '.join(reasons)}: leave to trade on `{venue}` is void, nothing is placed", _CURE)
    return arming


def changes(arming: Arming, terms: Terms) -> list[str]:
    """Return what changed since somebody agreed, as sentences; none where everything is as it was."""
    found: list[str] = []
    if arming.config_digest != terms.config_digest:
        before, after = _kept(arming, "config", {}), terms.flat
        keys = [key for key in sorted({*before, *after}) if before.get(key) != after.get(key)]
        told = [f"`{key}` was {_word(before, key)} and is {_word(after, key)}" for key in keys[:_SHOWN_CHANGES]]
        more = [f"{len(keys) - _SHOWN_CHANGES} more keys"] if len(keys) > _SHOWN_CHANGES else []
        found.append(f"the configuration changed: {', '.join([*told, *more]) or 'its record cannot be read'}")
    if arming.strategies_digest != terms.strategies_digest:
        rows: Sequence[Mapping[str, Any]] = _kept(arming, "strategies", [])
        told = _strategy_changes({_name(row): row for row in rows}, {_name(row): row for row in terms.rows})
        found.append(f"the strategies changed: {', '.join(told) or 'their record cannot be read'}")
    return found


def _strategy_changes(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[str]:
    told = [f"{name} was retired" for name in before if name not in after]
    told += [f"{name} is new" for name in after if name not in before]
    for name, row in after.items():
        if (old := before.get(name)) is None:
            continue
        if old["params"] != row["params"]:
            told.append(f"{name} has other parameters")
        if old["code_digest"] != row["code_digest"]:
            told.append(f"{name} or the program has other code")
    return told


def exposure(config: Mapping[str, Any], shares: Mapping[str, Decimal]) -> dict[str, str]:
    """Return cash and the largest position, which is the largest order too, as the configuration bounds them.

    shares: by wallet in percent of the cash; none = one wallet with all of it. In quote as decimal text; the position
    is a phrase where it is stated in base units.
    """
    cash = Decimal(str(config["account"]["cash"]))
    sizing, limit = config["sizing"], Decimal(str(config["risk"]["max_symbol_pct"]))
    method, quote = sizing["method"], config["account"]["quote"]
    most = cash * max(shares.values(), default=Decimal(100)) / 100
    if method == "quantity":
        position = f"{sizing['quantity']} of the base, for as much as a wallet's {_plain(most)} {quote} pay"
    else:
        # `fraction` is the most for every method that has no amount of its own.
        wanted = Decimal(str(sizing["notional"])) if method == "notional" else most * Decimal(str(sizing["fraction"]))
        size = min(wanted, most, cash * limit / 100) if limit else min(wanted, most)
        position = f"{_plain(size)} {quote}"
    return {
        "cash": f"{_plain(cash)} {quote}",
        "largest_wallet": f"{_plain(most)} {quote}",
        "largest_position": position,
    }


def limits(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the limits that are on, `risk` and what bounds an order, by key."""
    found = {f"risk.{name}": value for name, value in config["risk"].items() if name not in _NO_LIMITS}
    named = ("limit_bps", "max_slippage_bps", "tries")
    found |= {f"execution.{name}": config["execution"][name] for name in named}
    return {key: str(value) for key, value in found.items() if not _is_off(value)}


def _is_off(value: object) -> bool:
    return value is False or (not isinstance(value, bool) and Decimal(str(value)) == 0)


def _plain(number: Decimal) -> str:
    return f"{number.normalize():f}"


def _kept(arming: Arming, part: str, otherwise: Any) -> Any:
    found = arming.summary.get(part)
    return found if isinstance(found, type(otherwise)) else otherwise


def _name(row: Mapping[str, Any]) -> str:
    return f"`{row['strategy']}`" + (f" in wallet `{row['wallet']}`" if row["wallet"] else "")


def _word(values: Mapping[str, object], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "not stated"


def _flatten(prefix: str, tree: Mapping[str, object], into: dict[str, object]) -> None:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            _flatten(f"{prefix}{name}.", value, into)
        else:
            into[f"{prefix}{name}"] = value


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
