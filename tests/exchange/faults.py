"""The fault script: which request goes wrong, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from fnmatch import fnmatchcase
from typing import Any

SILENT = ("drop", "reset", "hang")
"""Nothing comes back: the connection ends, is reset, or stays open for ever."""

MANGLED = ("html", "empty", "cut", "short", "shape", "client_id", "symbol", "drip")
"""An answer that acted and reads wrong. cut: honest length; short: fewer bytes than Content-Length says, then the end."""

KINDS = ("", *SILENT, *MANGLED, "status", "error")


@dataclass
class Rule:
    """One fault. Matching: `venue`, `method`, `path` (a glob of its end, e.g. `AddOrder`) and `params` (globs) must fit.

    nth: begin at the n-th request that fits, counted from when the rule was added; overall: only the n-th request of all.
    times: how many in a row, 0 = for ever. kind: one of KINDS; empty = none, for rules that only delay or do something.
    acts: whether the venue did what was asked before it went wrong; by default yes for a mangled answer and no kind, else no.
    act_after_s: the venue acts that much later than it was asked; answer_after_s: it answers that much later than it acted.
    status, body, retry_after: of kind `status`; a 429 or 418 with retry_after also turns away what comes before its end.
    text: of kind `error`, the words of the venue (Kraken) or its `msg`; code: Binance's number. drip_s: seconds per byte.
    before, after: control operations (see control.py) done before and after the venue acts; `$order` in them is the order
    that the request named or made.
    """

    path: str = "*"
    method: str = "*"
    venue: str = "*"
    params: Mapping[str, str] = field(default_factory=dict)
    nth: int = 1
    overall: int = 0
    times: int = 1
    kind: str = ""
    acts: bool | None = None
    act_after_s: float = 0
    answer_after_s: float = 0
    status: int = 0
    body: str = ""
    retry_after: float = 0
    text: str = ""
    code: int = 0
    drip_s: float = 1
    before: list[dict[str, Any]] = field(default_factory=list)
    after: list[dict[str, Any]] = field(default_factory=list)
    name: str = ""
    seen: int = 0
    used: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a fault of kind {self.kind!r}; known: {', '.join(KINDS)}")

    @property
    def does_act(self) -> bool:
        """Tell whether the venue does what it was asked."""
        return self.acts if self.acts is not None else self.kind in ("", *MANGLED)

    @property
    def title(self) -> str:
        """Return how the journal names it."""
        return self.name or self.kind or "delay"

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Rule:
        """Return the rule that a JSON object states."""
        known = {item.name for item in fields(cls)}
        if unknown := set(values) - known:
            raise ValueError(f"a rule knows no {', '.join(sorted(unknown))}")
        return cls(**values)

    def plain(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return asdict(self)


class Script:
    """The rules in force. The first that fits a request is applied; all that fit are counted."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self.requests = 0

    def add(self, rule: Rule | None = None, /, **values: Any) -> Rule:
        """Add a rule and return it."""
        rule = rule or Rule.of(values)
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Forget all rules; the count of requests goes on."""
        self.rules.clear()

    def match(self, venue: str, method: str, path: str, params: Mapping[str, str]) -> Rule | None:
        """Count a request and return the rule that strikes it."""
        self.requests += 1
        struck: Rule | None = None
        for rule in self.rules:
            if not _fits(rule, venue, method, path, params):
                continue
            rule.seen += 1
            due = self.requests == rule.overall if rule.overall else rule.seen >= rule.nth
            if struck is None and due and (rule.times == 0 or rule.used < rule.times):
                rule.used += 1
                struck = rule
        return struck


def _fits(rule: Rule, venue: str, method: str, path: str, params: Mapping[str, str]) -> bool:
    return (
        fnmatchcase(venue, rule.venue)
        and fnmatchcase(method, rule.method)
        and (fnmatchcase(path, rule.path) or fnmatchcase(path, f"*/{rule.path.removeprefix('/')}"))
        and all(fnmatchcase(params.get(key, ""), wanted) for key, wanted in rule.params.items())
    )
