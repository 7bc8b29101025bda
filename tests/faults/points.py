"""What can go wrong at each point that a clean cycle passes: a kill before and after it, or a failure of its own kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from .world import Ran, is_order

Rule = dict[str, Any]


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong in one cycle. plan: for the program's rim, by point. rules: for the exchange's script."""

    name: str
    plan: dict[str, dict[str, Any]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True)
class Point:
    """Where a sweep strikes: the stage whose cycle it is, and what goes wrong in it.

    second: what goes wrong in the cycle that mends the first: the name of a fault, or a number that draws one; empty = nothing.
    """

    venue: str
    stage: int
    fault: Fault
    second: str = ""

    @property
    def name(self) -> str:
        """Return how to ask for just this one."""
        return f"{self.venue}/{self.stage}/{self.fault.name}" + (f"+{self.second}" if self.second else "")


SILENT = ("drop", "reset")
EDGES = (502, 503, 504, 520, 522, 524)
MANGLED = ("html", "empty", "cut", "short", "shape")
TIMEOUT_S = 10


def _words(venue: str) -> dict[str, Rule]:
    """Return the venue's own complaints about its health, as it says them."""
    if venue == "kraken":
        texts = {
            "busy": "EService:Busy",
            "unavailable": "EService:Unavailable",
            "internal": "EGeneral:Internal error",
            "nonce": "EAPI:Invalid nonce",
            "ratelimit": "EAPI:Rate limit exceeded",
        }
        return {name: {"kind": "error", "text": text} for name, text in texts.items()}
    codes = {
        "timeout-1007": (-1007, "Timeout waiting for response from backend server. Execution status unknown."),
        "disconnected-1001": (-1001, "Internal error; unable to process your request. Please try again."),
        "unexpected-1006": (-1006, "An unexpected response was received from the message bus. Execution status unknown."),
        "overloaded-1008": (-1008, "Server is currently overloaded with other requests. Please try again in a few minutes."),
        "timestamp-1021": (-1021, "Timestamp for this request is outside of the recvWindow."),
    }  # fmt: skip
    return {name: {"kind": "error", "code": code, "text": text} for name, (code, text) in codes.items()}


MAY_ACT = ("internal", "timeout-1007", "disconnected-1001", "unexpected-1006")
"""Complaints after which the venue may have done what it was asked."""


def at_request(venue: str, point: str, what: str) -> list[Fault]:
    """Return everything that can go wrong with one request."""
    number = int(point.partition(":")[2])
    method, _, path = what.partition(" ")
    changes = is_order(method, path)
    found = [_at_rim(point, f"kill-{when}", do="kill", when=when) for when in ("before", "after")]
    found.append(_at_rim(point, "term", do="term", when="before"))
    found.append(_at_rim(point, "refused", do="refused"))

    def served(name: str, *, gives_up_s: float = 0, **rule: Any) -> None:
        plan = {point: {"do": "gives_up", "waits_s": gives_up_s}} if gives_up_s else {}
        found.append(Fault(f"{point}-{name}", plan, ({"overall": number, **rule},)))

    both = (True, False) if changes else (False,)
    for acts in both:
        said = "acted" if acts else "not"
        for kind in SILENT:
            served(f"{kind}-{said}", kind=kind, acts=acts)
        served(f"timeout-{said}", gives_up_s=TIMEOUT_S, kind="hang", acts=acts)
        for status in EDGES:
            served(f"{status}-{said}", kind="status", status=status, acts=acts)
        for name, rule in _words(venue).items():
            if not acts or name in MAY_ACT:
                served(f"{name}-{said}", acts=acts, **rule)
    for kind in (*MANGLED, *(("client_id", "symbol") if changes else ())):
        served(kind, kind=kind)
    if changes:
        served("late", gives_up_s=1, kind="drop", act_after_s=4.5, acts=True)
        served("much-too-late", gives_up_s=1, kind="drop", act_after_s=6, acts=True)
    served("429", kind="status", status=429, retry_after=20)
    served("418", kind="status", status=418, retry_after=40)
    return found


def at_commit(point: str) -> list[Fault]:
    """Return everything that can go wrong with one commit."""
    return [
        _at_rim(point, "kill-before", do="kill", when="before"),
        _at_rim(point, "kill-after", do="kill", when="after"),
        _at_rim(point, "full", do="full"),
    ]


def _at_rim(point: str, name: str, **planned: Any) -> Fault:
    return Fault(f"{point}-{name}", {point: planned})


def faults_of(venue: str, ran: Ran) -> Iterator[tuple[str, Fault]]:
    """Yield every fault of a clean cycle with its weight: `all` are always struck, `read` are drawn from."""
    for point, what in ran.points:
        kind = point.partition(":")[0]
        if kind == "commit":
            yield from (("all", one) for one in at_commit(point))
        elif kind == "begin":
            yield "all", _at_rim(point, "locked", do="locked")
        elif kind == "file":
            for name, planned in (("kill", {"do": "kill", "when": "before"}), ("full", {"do": "full"})):
                yield "file", _at_rim(point, name, **planned)
        else:
            method, _, path = what.partition(" ")
            for one in at_request(venue, point, what):
                if "kill" in one.name:
                    yield "all", one
                elif not is_order(method, path):
                    yield "read", one
                else:
                    yield _group(venue, one), one
            if not is_order(method, path):
                continue
            for ms in (-3_600_000, -4_000, 4_000, 3_600_000):
                yield "jump", _at_rim(point, f"jump{ms}", do="jump", when="before", ms=ms)


def _group(venue: str, fault: Fault) -> str:
    """Return which ways of failing at an order are alike."""
    kind = fault.name.partition("-")[2]
    groups = {
        "edge": map(str, EDGES),
        "words": _words(venue),
        "mangled": (*MANGLED, "client_id", "symbol"),
    }
    return next((name for name, kinds in groups.items() if any(kind.startswith(one) for one in kinds)), "all")


DRAWN = {"read": 1, "edge": 2, "words": 2, "mangled": 2, "jump": 1, "file": 1}
"""Of the ways that are alike, how many are tried at each point; which ones, the seed says. `all` are tried whole.

read: a question that fails. Of an order or a cancellation: edge: pages of the edge before the venue; words: the venue's own
complaints; mangled: answers nobody can read; jump: of our clock. file: what is kept beside the ledger.
"""


def chosen(venue: str, stage: int, ran: Ran, seed: int) -> list[Point]:
    """Return the points of one cycle: every commit and every request, the failures of questions drawn by the seed."""
    drawn = Random(f"{seed}|{venue}|{stage}")
    some: dict[str, list[Fault]] = {}
    found: list[Point] = []
    for weight, fault in faults_of(venue, ran):
        if weight == "all":
            found.append(Point(venue, stage, fault))
        else:
            some.setdefault(f"{weight}|{fault.name.partition('-')[0]}", []).append(fault)
    for group, faults in some.items():
        most = DRAWN[group.partition("|")[0]]
        found += [Point(venue, stage, one) for one in drawn.sample(faults, min(most, len(faults)))]
    return found


def pairs(singles: Sequence[Point], count: int, seed: int) -> list[Point]:
    """Return a sample of two faults in a row, the second one in the cycle that mends the first."""
    drawn = Random(f"{seed}|pairs")
    return [replace(drawn.choice(singles), second=str(drawn.randrange(10**9))) for _ in range(count)]


def second_of(venue: str, ran: Ran, asked: str) -> Fault | None:
    """Return what a pair's second word asks for, of the faults that a mending cycle can meet with; None = there is none."""
    there = [one for weight, one in faults_of(venue, ran) if weight != "file"]
    if not asked.isdecimal():
        return next((one for one in there if one.name == asked), None)
    return Random(asked).choice(there) if there else None
