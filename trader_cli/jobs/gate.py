"""The gate before money: only what validation passed trades for real, or what somebody armed in spite of it (X3, R4.9).

A verdict counts for exactly one code with one set of parameters, for some days, and as long as the bars it was reached on are
what they were. Somebody may arm in spite of it; then it is written down for which strategies and why, and said ever after.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from trader_cli.errors import RiskError, TraderError
from trader_cli.jobs.moments import iso
from trader_cli.jobs.plan import RULES, Request, code_digest
from trader_cli.jobs.ports import BarSource
from trader_cli.model.evidence import Status, Verdict
from trader_cli.model.session import Arming, Deployment, Session
from trader_cli.model.timeframe import Timeframe

UNVALIDATED = "unvalidated"
VOID = "void"
EVENT = "unvalidated"
"""The kind of the system event that an arming without validation leaves."""
_COMPARED = (*RULES, "validate")
"""What must be as it was: the rules, the costs, and what was asked of the strategy."""
# What the strictness of validation does not follow from.
_FREE = ("validate.seed", "validate.workers", "validate.max_age_days")
_DAY_MS = 86_400_000
_SHOWN = 3
# Of how many verdicts the newest are looked at for what to say where none counts.
_LOOKED_AT = 50


class Verdicts(Protocol):
    """Where verdicts are kept."""

    def verdict(self, strategy: str, code_digest: str, params: Mapping[str, object]) -> Verdict | None:
        """Return the newest complete verdict on exactly this code with exactly these parameters."""
        ...

    def verdicts(self, strategy: str | None = None, limit: int | None = None) -> Sequence[Verdict]:
        """Return verdicts, complete or not, newest first."""
        ...


class Armings(Protocol):
    """Where sessions and every leave to trade for real are kept."""

    def sessions(self) -> Sequence[Session]:
        """Return all sessions, newest first."""
        ...

    def armings(self, venue: str, account: str) -> Sequence[tuple[Arming, int | None]]:
        """Return all that were ever given, oldest first, with the time of what took their place or took them back."""
        ...


@dataclass(frozen=True)
class Candidate:
    """A strategy that is to trade: every parameter, its code as it is now, and the parameters that were stated for it."""

    strategy: str
    params: Mapping[str, object]
    code_digest: str
    stated: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Standing:
    """What validation says of a strategy now. status: `PASS`, `FAIL`, `void` or `unvalidated`; reason: empty for PASS.

    time_ms: of the verdict that is spoken of, None where there is none.
    """

    strategy: str
    status: str
    reason: str
    time_ms: int | None

    @property
    def passed(self) -> bool:
        """Whether it may trade for real."""
        return self.status == Status.PASS


@dataclass(frozen=True)
class UnvalidatedLine:
    """A strategy that trades or traded for real without validation. until: ISO 8601, empty while the leave stands."""

    run_id: str
    exchange: str
    strategy: str
    reason: str
    since: str
    until: str


@dataclass(frozen=True)
class Gate:
    """Verdicts, the bars they were reached on, and how long they count. now_ms: ms UTC.

    settings: every section as it is now, JSON-able; a verdict that was reached under other rules or costs does not count.
    """

    ledger: Verdicts
    bars: BarSource
    now_ms: int
    max_age_days: int
    settings: Mapping[str, Any] = field(default_factory=dict)

    def standing(self, one: Candidate) -> Standing:
        """Return what validation says of a strategy with these parameters and this code."""
        found = self.ledger.verdict(one.strategy, one.code_digest, one.params)
        return self._missing(one) if found is None else self.judged(found)

    def newest(self, strategy: str, code_digest: str | None) -> Standing:
        """Return what the newest complete verdict on a strategy is worth now, whatever parameters it was reached for.

        code_digest: of the strategy as its file is now, None where that is gone.
        """
        whole = [one for one in self.ledger.verdicts(strategy, _LOOKED_AT) if one.complete]
        if not whole:
            return self._missing(Candidate(strategy, {}, ""))
        if whole[0].code_digest != code_digest:
            return _other_code(whole[0])
        return self.judged(whole[0])

    def judged(self, one: Verdict) -> Standing:
        """Return what a complete verdict is worth now, for the code and the parameters it was reached for."""
        when = iso(one.time_ms)
        failed = ", ".join(f"`{check.name}`" for check in one.checks if check.status is Status.FAIL)
        status, reason = VOID, ""
        if one.status is Status.FAIL:
            status, reason = str(Status.FAIL), f"failed its validation of {when}: {failed}"
        elif self.now_ms < one.time_ms:
            reason = f"was validated at {when}, and the clock says {iso(self.now_ms)}"
        elif self.now_ms > one.time_ms + self.max_age_days * _DAY_MS:
            reason = f"was validated at {when}, more than {self.max_age_days} days ago"
        elif rules := self._other_rules(one):
            reason = f"was validated at {when} under other rules: {', '.join(rules)}"
        elif changed := self._changed(one):
            names = " and ".join(changed)
            reason = f"was validated at {when}, and the bars of {names} changed since"
        return Standing(one.strategy, status if reason else str(Status.PASS), reason, one.time_ms)

    def _missing(self, one: Candidate) -> Standing:
        found = self.ledger.verdicts(one.strategy, _LOOKED_AT)
        whole = [each for each in found if each.complete]
        same_code = [each for each in whole if each.code_digest == one.code_digest]
        if same_code:
            known = same_code[0]
            told = _other_params(_plain(known.params), _plain(one.params))
            text = f"was validated at {iso(known.time_ms)} with other parameters: {told}"
            return Standing(one.strategy, VOID, text, known.time_ms)
        if whole:
            return _other_code(whole[0])
        if found:
            names = ", ".join(f"`{check.name}`" for check in found[0].checks) or "none"
            text = f"was never validated as a whole: of its checks only {names} ran at {iso(found[0].time_ms)}"
            return Standing(one.strategy, UNVALIDATED, text, found[0].time_ms)
        return Standing(one.strategy, UNVALIDATED, "was never validated", None)

    def _other_rules(self, one: Verdict) -> list[str]:
        """Return what of the rules is not what it was, as far as both sides state it."""
        told = []
        for section in _COMPARED:
            before, now = one.settings.get(section, {}), self.settings.get(section, {})
            keys = [key for key in sorted({*before} & {*now}) if before[key] != now[key]]
            keys = [key for key in keys if f"{section}.{key}" not in _FREE]
            told += [f"`{section}.{key}` was {_word(before, key)} and is {_word(now, key)}" for key in keys]
        wanted = self.settings.get("data", {}).get("timeframe", "")
        if wanted and Timeframe.parse(wanted) != Timeframe.parse(one.timeframe):
            told.append(f"the bars were of {one.timeframe} and are of {wanted}")
        more = [f"{len(told) - _SHOWN} more"] if len(told) > _SHOWN else []
        return [*told[:_SHOWN], *more]

    def _changed(self, one: Verdict) -> list[str]:
        return [name for name, digest in sorted(one.data_digests.items()) if not self._holds(one, name, digest)]

    def _holds(self, one: Verdict, name: str, digest: str) -> bool:
        """Tell whether bars are what they were, as far as all of them are here: what is elsewhere did not change."""
        symbol, _, at = name.partition("@")
        timeframe = Timeframe.parse(one.timeframe)
        held = True
        for exchange in (at,) if at else one.exchange.split(","):
            try:
                bars = self.bars.load(symbol, exchange, timeframe, one.since_ms, one.until_ms)
            except TraderError:
                continue
            if self.bars.digest(bars) == digest:
                return True
            first, last = int(bars.open_ms[0]), int(bars.open_ms[-1]) + timeframe.ms
            held = held and (first > one.since_ms or last < one.until_ms)
        return held


def candidates(request: Request, deployments: Iterable[Deployment] = ()) -> tuple[Candidate, ...]:
    """Return the strategies of a request, each once, with what was stated for those that are deployed."""
    stated = {one.strategy: one.params for one in deployments}
    found = {one.name: one for wallet in request.wallets for one in wallet.strategies}
    return tuple(
        Candidate(name, dict(one.instance.params), code_digest(one.source_digest), stated.get(name, {}))
        for name, one in sorted(found.items())
    )


def refuse_unvalidated(
    gate: Gate, wanted: Sequence[Candidate], what: str, *hints: str, arming: Arming | None = None
) -> None:
    """Raise RiskError unless each strategy has a verdict that counts, or was armed without one.

    what: what does not happen then, e.g. `nothing is placed`. A strategy that was armed without a verdict is refused too where
    validation failed it since: that is no lack of evidence any more.
    """
    spared = unvalidated_in(arming) if arming is not None else {}
    found = [(one, gate.standing(one)) for one in wanted]
    refused = [(one, known) for one, known in found if not known.passed and not _spared(known, spared)]
    if refused:
        said = "; ".join(f"`{one.strategy}` {known.reason}" for one, known in refused)
        raise RiskError(f"{said}; {what}", *(cure(one) for one, _ in refused), *hints)


def without_verdict(gate: Gate, wanted: Sequence[Candidate]) -> dict[str, str]:
    """Return why, by strategy, of those that may not trade for real."""
    found = [gate.standing(one) for one in wanted]
    return {one.strategy: one.reason for one in found if not one.passed}


def unvalidated_in(arming: Arming) -> dict[str, str]:
    """Return the strategies that an arming was given for without validation, and why there was none."""
    found = arming.summary.get("unvalidated")
    return {str(name): str(reason) for name, reason in found.items()} if isinstance(found, Mapping) else {}


def unvalidated_rows(arming: Arming | None) -> list[dict[str, str]]:
    """Return the same as JSON knows it."""
    found = {} if arming is None else unvalidated_in(arming)
    return [{"strategy": name, "reason": reason} for name, reason in sorted(found.items())]


def unvalidated_lines(ledger: Armings, run_id: str | None = None) -> list[UnvalidatedLine]:
    """Return what trades or traded without validation: of the newest live session of each account, or of one session.

    What was armed for that account before the session began and never stood while it went on is another session's.
    """
    found: list[UnvalidatedLine] = []
    newer: dict[tuple[str, str], int] = {}
    for session in ledger.sessions():
        if session.mode != "live":
            continue
        account = (session.exchange, session.account)
        end = newer.get(account)
        newer[account] = session.started_ms
        if run_id not in (None, session.run_id) or (run_id is None and end is not None):
            continue
        said: dict[str, UnvalidatedLine] = {}
        for arming, until in ledger.armings(*account):
            begins_after = end is not None and arming.since_ms >= end
            if begins_after or (until is not None and until <= session.started_ms):
                continue
            times = (iso(arming.since_ms), "" if until is None else iso(until))
            # Agreed to again and again it is said once, as it was agreed to last.
            for name, reason in unvalidated_in(arming).items():
                said[name] = UnvalidatedLine(session.run_id, session.exchange, name, reason, *times)
        found += [said[name] for name in sorted(said)]
    return found


def cure(one: Candidate) -> str:
    """Return the hint that says how a strategy is validated as it is deployed."""
    params = "".join(f" --param {name}={value}" for name, value in sorted(one.stated.items()))
    return f"validate it: `trader validate {one.strategy}{params}`"


def _other_code(one: Verdict) -> Standing:
    text = f"was validated at {iso(one.time_ms)} with other code: it or the program changed since"
    return Standing(one.strategy, VOID, text, one.time_ms)


def _spared(known: Standing, spared: Mapping[str, str]) -> bool:
    """Tell whether somebody armed it as it is; a failure that was not known then is another thing."""
    agreed = spared.get(known.strategy)
    return agreed is not None and (known.status != Status.FAIL or known.reason == agreed)


def _plain(params: Mapping[str, object]) -> dict[str, Any]:
    """Return parameters as they come back from the ledger."""
    return dict(json.loads(json.dumps(dict(params), default=str)))


def _other_params(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    names = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    return ", ".join(f"`{name}` was {_word(before, name)} and is {_word(now, name)}" for name in names)


def _word(params: Mapping[str, Any], name: str) -> str:
    return json.dumps(params[name], ensure_ascii=False) if name in params else "not there"
