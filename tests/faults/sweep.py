"""The sweep: for every point go back to before its cycle, let it fail there, let clean cycles mend it, and judge."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from .auditor import Books, audit
from .points import Fault, Point, chosen, faults_of, pairs, second_of
from .scenario import SHARE, STAGES, begin, come, wanted, world_of
from .world import Ran, World, is_order

OUTSIDE = {"BTC": Decimal("0.01"), "ETH": Decimal("0.2")}
"""What lies on the account and is nobody's business here: whoever sells too much sells of this."""

CASH = Decimal(500)
DEPOSIT = Decimal(10_000)
MENDS = 5
"""Clean cycles after which all must be quiet; the last of them may send nothing."""

BETWEEN_MS = 60_000
TAIL = 1
"""Bars that are traded after all is mended, to see that a healthy venue is traded again."""

MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
"""Where worlds lie: a process that is killed loses nothing of what it wrote, so that no disk needs to be waited for."""

ALLOWED = (0, 4, 5, 6, 7, 75)
ENDED = (-9, -15, 130, 143)


@dataclass
class Verdict:
    """What became of a point.

    wrong: empty = nothing lost, doubled or unexplained. exits: of its cycles, the faulty one first. smaller: what is held of
    less than without faults. told: everything its cycles printed.
    """

    point: Point
    wrong: list[str]
    exits: list[int]
    smaller: str = ""
    told: str = ""


@dataclass
class Clean:
    """The run without faults: where each stage begins, what its cycle passes, and what is held after it."""

    kept: list[Any] = field(default_factory=list)
    ran: list[Ran] = field(default_factory=list)
    held: list[dict[str, Decimal]] = field(default_factory=list)


def play(world: World, bars: int = len(STAGES)) -> Clean:
    """Run the scenario without faults, or its first bars; raises AssertionError where that is not clean."""
    begin(world)
    for asset, amount in OUTSIDE.items():
        world.server.do("deposit", asset=asset, amount=str(amount))
    clean = Clean()
    for number in range(bars):
        come(world, number)
        clean.kept.append(world.keep(str(number)))
        ran = world.cycle()
        assert ran.code == 0, ran.output
        clean.ran.append(ran)
        world.heal(BETWEEN_MS)
        again = world.cycle()
        assert (again.code, again.orders) == (0, []), again.output
        world.heal(BETWEEN_MS)
        wrong = judge(world)
        assert not wrong, wrong
        clean.held.append(Books(world.home).holdings())
    return clean


def judge(world: World) -> list[str]:
    """Return what is wrong where nothing is under way."""
    return audit(world, {**OUTSIDE, world.quote: DEPOSIT}, CASH)


class Sweep:
    """Strikes points in one world."""

    def __init__(self, world: World, clean: Clean) -> None:
        self.world = world
        self.clean = clean

    def strike(self, point: Point, tail: int = TAIL) -> Verdict:
        """Let one point fail, and say what became of it. tail: bars that are traded afterwards."""
        world = self.world
        world.put_back(self.clean.kept[point.stage])
        exits: list[int] = []
        told: list[str] = []
        wrong: list[str] = []
        wrong += self._fail(point.fault, exits, told)
        if point.second:
            # What the mending cycle passes depends on what it finds: it is run once to know, and once to fail.
            before = world.keep("between")
            second = second_of(point.venue, world.cycle(), point.second)
            world.put_back(before)
            if second is not None:
                point = replace(point, second=second.name)
                wrong += self._fail(second, exits, told)
        wrong += self._mend(exits, told)
        smaller = ""
        for number in range(point.stage + 1, min(point.stage + 1 + tail, len(STAGES))):
            if wrong:
                break
            come(world, number)
            wrong += self._mend(exits, told, quiet=False)
            smaller = self._compare(number, wrong)
        if tail and not wrong:
            proved = world.trader("ledger", "verify")
            wrong += [] if proved.code == 0 else [f"`ledger verify`: {proved.output}"]
        return Verdict(point, wrong, exits, smaller, told="\n".join(told))

    def _fail(self, fault: Fault, exits: list[int], told: list[str]) -> list[str]:
        """Run a cycle that fails like this; return how it ended badly."""
        self.world.strike(fault.rules)
        ran = self.world.cycle(fault.plan)
        exits.append(ran.code)
        told.append(f"{fault.name}: exit {ran.code}\n{ran.output}")
        self.world.heal(BETWEEN_MS)
        return _ended_badly(ran, faulty=True)

    def _mend(self, exits: list[int], told: list[str], *, quiet: bool = True) -> list[str]:
        """Run clean cycles until one ends well and, with `quiet`, sends nothing; return what is wrong then."""
        world = self.world
        wrong: list[str] = []
        for _ in range(MENDS):
            ran = world.cycle()
            exits.append(ran.code)
            told.append(f"clean: exit {ran.code}, {len(ran.orders)} orders\n{ran.output}")
            wrong += _ended_badly(ran, faulty=False)
            world.heal(BETWEEN_MS)
            if ran.code == 0 and not (quiet and ran.orders):
                return wrong + judge(world)
        return [*wrong, f"NOT QUIET after {MENDS} clean cycles: exits {exits}", *judge(world)]

    def _compare(self, number: int, wrong: list[str]) -> str:
        """Compare what is held with the run without faults: less is told, more is wrong unless this very bar asks for it.

        Who missed the entry of one bar enters at the next, so that the target that ended the twin's position finds none here.
        """
        books, twin = Books(self.world.home), self.clean.held[number]
        here = books.holdings()
        less = []
        for symbol, amount in twin.items():
            mine = here.get(symbol, Decimal(0))
            asked = Decimal(str(wanted(symbol, number))) * SHARE * CASH / self.world.price(symbol)
            # A price paid or a fee more or less changes what a share of the equity buys.
            if mine > max(amount, asked) * Decimal("1.05") + Decimal("0.0001"):
                wrong.append(f"TWIN: {mine} {symbol} held, without faults {amount}")
            elif mine < amount * Decimal("0.95") - Decimal("0.0001"):
                less.append(f"{mine} {symbol} instead of {amount}")
        return ", ".join(less) + (" (halted)" if less and books.is_halted else "")


def _ended_badly(ran: Ran, *, faulty: bool) -> list[str]:
    fine = ran.code in ALLOWED or (faulty and ran.code in ENDED)
    if fine and "Traceback" not in ran.output and "a fault of the program" not in ran.output:
        return []
    return [f"BROKE with exit {ran.code}: {ran.output[-1500:]}"]


@contextmanager
def ready(venue: str, folder: Path) -> Iterator[Sweep]:
    """Give a sweep of one venue, its clean run done."""
    with world_of(venue, folder) as world:
        yield Sweep(world, play(world))


def points_of(venue: str, clean: Clean, seed: int) -> list[Point]:
    """Return every point of a venue's clean run that a sweep strikes."""
    found = [point for stage, ran in enumerate(clean.ran) for point in chosen(venue, stage, ran, seed)]
    # In no order: what a part of a sweep says, it says of all stages.
    Random(f"{seed}|{venue}").shuffle(found)
    return found


SLICE = (
    *("kill-before", "kill-after", "full", "locked", "refused", "term", "late", "much-too-late", "429"),
    *("drop-acted", "drop-not", "reset-acted", "timeout-acted", "timeout-not", "502-acted", "524-acted", "503-not"),
    *("html", "empty", "cut", "shape", "client_id"),
)
"""One of each of these is struck always: at an order or a commit where there is such a point."""


def slice_of(venue: str, clean: Clean) -> list[Point]:
    """Return one point of every kind, each of another stage where it can be."""
    found = []
    for turn, kind in enumerate(SLICE):
        for offset in range(len(STAGES)):
            stage = (turn + offset) % len(STAGES)
            there = [one for _, one in faults_of(venue, clean.ran[stage]) if one.name.endswith(f"-{kind}")]
            orders = {point for point, what in clean.ran[stage].points if is_order(*what.partition(" ")[::2])}
            there = [one for one in there if one.name.partition("-")[0] in orders or not one.name.startswith("request")]
            if there:
                found.append(Point(venue, stage, there[turn % len(there)]))
                break
    return found


def named(venue: str, clean: Clean, name: str) -> Point:
    """Return the point of that name."""
    _, stage, what = name.split("/", 2)
    own = {fault.name: fault for _, fault in faults_of(venue, clean.ran[int(stage)])}
    first, _, second = what.partition("+")
    # A jump of the clock has a plus of its own.
    if first not in own:
        first = next(one for one in own if what == one or what.startswith(f"{one}+"))
        second = what[len(first) + 1 :]
    return Point(venue, int(stage), own[first], second)


def _work(asked: tuple[str, argparse.Namespace, int, int]) -> list[tuple[str, list[str], list[int], str]]:
    venue, stated, share, shares = asked
    found = []
    with (
        tempfile.TemporaryDirectory(prefix=f"faults-{venue}-", dir=MEMORY) as folder,
        ready(venue, Path(folder)) as sweep,
    ):
        points = points_of(venue, sweep.clean, stated.seed)
        if stated.one:
            points = [named(venue, sweep.clean, stated.one)]
        elif stated.pairs:
            points = pairs(points, stated.pairs, stated.seed)
        if stated.only:
            points = [one for one in points if stated.only in one.name]
        if share == 0:
            print(f"{venue}: {len(points)} points", flush=True)
        mine = points[stated.begin : stated.end][share::shares]
        for number, point in enumerate(mine):
            began = time.monotonic()
            verdict = sweep.strike(point)
            took = time.monotonic() - began
            mark = "WRONG" if verdict.wrong else "less " if verdict.smaller else "ok   "
            if verdict.wrong or stated.verbose:
                said = "".join(f"\n      {line}" for line in verdict.wrong)
                place = f"{number + 1}/{len(mine)} {verdict.point.name} {took:.1f} s {verdict.exits} {verdict.smaller}"
                print(f"{mark} {place}{said}", flush=True)
            if stated.one:
                print(verdict.told)
            found.append((verdict.point.name, verdict.wrong, verdict.exits, verdict.smaller))
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sweep that the arguments ask for; 0 = nothing lost, doubled or unexplained."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--venue", choices=("kraken", "binance", "both"), default="both")
    parser.add_argument("--seed", type=int, default=1, help="of the questions drawn and of the pairs")
    parser.add_argument(
        "--pairs", type=int, default=0, metavar="N", help="a sample of N pairs a venue instead of the singles"
    )
    parser.add_argument("--from", dest="begin", type=int, default=0, metavar="N", help="begin with the N-th point")
    parser.add_argument("--to", dest="end", type=int, default=None, metavar="N", help="end before the N-th point")
    parser.add_argument("--only", default="", metavar="TEXT", help="points whose name has this in it")
    parser.add_argument("--one", default="", metavar="POINT", help="one point, with all it printed")
    parser.add_argument("--workers", type=int, default=1, help="worlds for each venue")
    parser.add_argument("--verbose", "-v", action="store_true", help="every point a line")
    stated = parser.parse_args(arguments)
    venues = ("kraken", "binance") if stated.venue == "both" else (stated.venue,)
    if stated.one:
        venues = (stated.one.partition("/")[0],)
        stated.workers = 1
    began = time.monotonic()
    shares = [(venue, stated, share, stated.workers) for venue in venues for share in range(stated.workers)]
    with multiprocessing.get_context("spawn").Pool(len(shares)) as pool:
        found = [one for part in pool.map(_work, shares, 1) for one in part]
    wrong = [one for one in found if one[1]]
    less = [one for one in found if one[3]]
    exits = Counter(one[2][0] for one in found)
    took = time.monotonic() - began
    print(f"seed {stated.seed}: {len(found)} points in {took:.0f} s; {len(wrong)} wrong, {len(less)} end smaller")
    print("exits of the cycle that failed:", ", ".join(f"{code}: {count}" for code, count in sorted(exits.items())))
    kinds = Counter(text.partition(":")[0].partition(" after")[0] for one in wrong for text in one[1][:1])
    for kind, count in kinds.most_common():
        print(f"  {count} x {kind}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
