"""What research leaves behind: sweeps and their trials, checks and verdicts, proposals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Status(StrEnum):
    """How a check ended. WARN is said and does not stop anybody."""

    PASS = "PASS"  # noqa: S105 a word, no secret
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True)
class SweepRecord:
    """A search over parameters, as it was begun.

    key: SHA-256 (hex) of everything that decides its trials: code, bars, settings, space, method, seed, objectives, size; the
    same key is the same table. space: values by parameter, as stated. objectives: figures that are maximised, those with `-`
    before them minimised. total: trials asked for. since_ms, until_ms: open of the first bar it saw, close of the last.
    code_digest: of strategy source and program. data_digests: by symbol. settings, space: JSON-able.
    """

    sweep_id: str
    key: str
    strategy: str
    code_digest: str
    data_digests: Mapping[str, str]
    exchange: str
    timeframe: str
    symbols: tuple[str, ...]
    since_ms: int
    until_ms: int
    method: str
    seed: int
    objectives: tuple[str, ...]
    space: Mapping[str, Any]
    settings: Mapping[str, Any]
    total: int
    started_ms: int


@dataclass(frozen=True)
class Trial:
    """One set of parameters and what it gave. number: from 0, in the order of the search.

    params: every parameter, JSON-able. stats: figures by the names of `backtest --json`; NaN = not defined. digest: of its
    fills. problem: why it could not run, empty = it did; then stats is empty.
    """

    number: int
    params: Mapping[str, Any]
    stats: Mapping[str, float]
    digest: str = ""
    problem: str = ""


@dataclass(frozen=True)
class SweepState:
    """A sweep and how far it is. done: trials written. ended: `finished`, `interrupted`, or empty where nobody said."""

    record: SweepRecord
    done: int
    ended: str


@dataclass(frozen=True)
class CheckResult:
    """What a check found. number, limit: in `unit`, None where the check has no single one. details: JSON-able.

    message: a sentence with the number in it; hint: the cure, empty where nothing is wrong.
    """

    name: str
    status: Status
    number: float | None
    limit: float | None
    unit: str
    message: str
    hint: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


def follows(checks: Sequence[CheckResult]) -> Status:
    """Return the verdict that follows from checks."""
    return Status.FAIL if any(one.status is Status.FAIL for one in checks) else Status.PASS


@dataclass(frozen=True)
class Verdict:
    """What validation said of a strategy with these parameters and code on these bars; anything else voids it.

    status: FAIL where a check failed, else PASS. complete: whether every check ran; only then it counts for live trading.
    trials: how many sets of parameters were tried for this strategy before. code_digest: of strategy source and program.
    """

    strategy: str
    status: Status
    complete: bool
    params: Mapping[str, Any]
    code_digest: str
    data_digests: Mapping[str, str]
    exchange: str
    timeframe: str
    symbols: tuple[str, ...]
    since_ms: int
    until_ms: int
    time_ms: int
    seed: int
    trials: int
    checks: Sequence[CheckResult]
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """What was tried of a strategy before, as far as the ledger knows.

    count: distinct sets of parameters, by sweeps and backtests, of any version of its code. params: those of the newest
    sweeps, at most as many as asked for, spread evenly. seen_until_ms: close of the newest bar any search saw, None = none did.
    space: of the newest sweep.
    """

    count: int
    params: Sequence[Mapping[str, Any]]
    seen_until_ms: int | None
    space: Mapping[str, Any]


@dataclass(frozen=True)
class Proposal:
    """A bounded change of parameters, to be validated and tried on paper before anybody uses it.

    regime: `bull`, `bear`, `sideways` or `all`. symbols: the best of those asked for. reason: a sentence with the numbers.
    """

    strategy: str
    regime: str
    current: Mapping[str, Any]
    proposed: Mapping[str, Any]
    symbols: tuple[str, ...]
    sweep_id: str
    time_ms: int
    reason: str
