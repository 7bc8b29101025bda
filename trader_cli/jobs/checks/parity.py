"""Law 2 as a check: one backtest, and a run that is stopped after every bar and rebuilt from what it left, are the same."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trader_cli.engine.replay import run_bars
from trader_cli.engine.snapshot import pack, unpack
from trader_cli.engine.state import new_book, new_log
from trader_cli.engine.trips import fills_of
from trader_cli.jobs.checks.bench import Bench
from trader_cli.jobs.checks.excerpt import LENGTHS, busiest, part
from trader_cli.jobs.checks.interpreted import first_unlike, rows_of
from trader_cli.jobs.lab import Lab, Variant
from trader_cli.jobs.plan import Request
from trader_cli.jobs.scene import Scene, set_scene
from trader_cli.jobs.summary import iso
from trader_cli.jobs.wishes import Wishes, ask, find_levels
from trader_cli.model.bars import Ints
from trader_cli.model.evidence import CheckResult, Status
from trader_cli.strategy.laws_compare import value_at
from trader_cli.strategy.laws_fresh import Origin, own_copy
from trader_cli.strategy.signals import FIELDS, Signals

NAME = "parity"
_ROOM = 256


@dataclass(frozen=True)
class _Wish:
    """A wish that is another when nothing later is there yet. row: of the grid."""

    row: int
    symbol: str
    field: str
    whole: float | None
    stepped: float | None


def parity(bench: Bench) -> CheckResult:
    """Replay the `parity_bars` bars with most fills at once, and again bar by bar.

    Bar by bar: each sees the bars up to its own only, asks strategies that were made anew, and takes up the book from the
    bytes that the one before left, as a session does between two runs of cron. No ledger is touched. FAIL where a wish or
    a fill differs, with its bar and symbol; WARN where there was no fill to compare.
    """
    rows = int(bench.limits["parity_bars"])
    first, last = busiest(bench.base.fills.time_ms, bench.lab.open_ms, rows)
    begin = max(0, first - int(bench.limits["warm_up_bars"]) * LENGTHS)
    # With one bar more than are stepped: a wish may not know of it.
    lab = part(bench.lab, begin, min(last + 1, len(bench.lab.open_ms)))
    first, last = first - begin, last - begin
    once = lab.run(Variant(first=first, last=last)).fills
    stepped, wish = _stepped(lab, first, last)
    bars = last - first
    where = f"bars {iso(int(lab.open_ms[first]))} to {iso(int(lab.open_ms[last - 1]))}"
    if wish is not None:
        text = (
            f"stopped after every bar it is another run: on {wish.symbol} at {iso(int(lab.open_ms[wish.row]))} (bar "
            f"{begin + wish.row}) it says `{wish.field}` = {wish.stepped}, with later bars before it {wish.whole}"
        )
        details = {"symbol": wish.symbol, "bar": begin + wish.row, "time": iso(int(lab.open_ms[wish.row]))}
        return CheckResult(
            NAME, Status.FAIL, 1.0, 0.0, "differences", text, "see `look_ahead` and `determinism`", details
        )
    whole = rows_of(once)
    if not np.array_equal(whole, stepped):
        fill = first_unlike(whole, stepped)
        symbol = lab.symbols[int(fill[1])]
        text = (
            f"stopped after every bar it fills otherwise though it wants the same: {len(whole)} fills and {len(stepped)}, the "
            f"first that differs is that of {symbol} at {iso(int(fill[0]))}"
        )
        details = {"symbol": symbol, "time": iso(int(fill[0]))}
        return CheckResult(NAME, Status.FAIL, 1.0, 0.0, "differences", text, "this is a fault of the program", details)
    if len(whole) == 0:
        text = f"it traded nothing in {bars} bars: there is no fill to compare"
        return CheckResult(NAME, Status.WARN, None, 0.0, "differences", text, "", {"bars": bars, "fills": 0})
    text = f"stopped and rebuilt after each of {bars} bars it makes the same fills, {len(whole)} ({where})"
    return CheckResult(NAME, Status.PASS, 0.0, 0.0, "differences", text, "", {"bars": bars, "fills": len(whole)})


def _stepped(lab: Lab, first: int, last: int) -> tuple[Ints, _Wish | None]:
    """Return the fills of a run rebuilt at every bar, and the first wish that is not the one of the whole."""
    whole = ask(lab.request, lab.series, find_levels(lab.request, lab.series, {}, None))
    wallets = [one.name for one in lab.request.wallets]
    kept: bytes | None = None
    fills: list[Ints] = []
    wish: _Wish | None = None
    for row in range(first, last):
        until = int(lab.open_ms[row]) + 1
        series = [own_copy(one.between(None, until)) for one in lab.series]
        scene = set_scene(_anew(lab.request), replace(lab.stage, series=series), {}, None)
        book = (
            new_book(len(series), scene.purses)
            if kept is None
            else unpack(kept, scene.symbols, wallets, scene.symbols, wallets)
        )
        log = new_log(len(scene.open_ms), _ROOM)
        log = run_bars(scene.market, book, log, scene.rules, scene.steps, row, row, row + 1)
        fills.append(rows_of(fills_of(scene.symbols, scene.open_ms, book, log)))
        kept = pack(book)
        if wish is None:
            wish = _unlike(whole, scene, row)
    return np.concatenate(fills), wish


def _anew(request: Request) -> Request:
    """Return the request with strategies that have seen nothing yet, as in a process of its own."""
    wallets = [
        replace(
            wallet,
            strategies=tuple(replace(one, instance=Origin(one.instance).strategy()) for one in wallet.strategies),
        )
        for wallet in request.wallets
    ]
    return replace(request, wallets=tuple(wallets))


def _unlike(whole: Wishes, scene: Scene, row: int) -> _Wish | None:
    for w, wallet in enumerate(scene.wishes.wallets):
        for s, said in enumerate(wallet):
            newest = len(scene.series[s]) - 1
            # A symbol without a bar here was told of before.
            if newest < 0 or scene.series[s].open_ms[newest] != scene.open_ms[row]:
                continue
            found = _field(whole.wallets[w][s].signals, said.signals, newest)
            if found is not None:
                return _Wish(row, scene.symbols[s], *found)
    return None


def _field(expected: Signals, said: Signals, row: int) -> tuple[str, float | None, float | None] | None:
    for field in FIELDS:
        was, now = (value_at(getattr(one, field), row) for one in (expected, said))
        if was != now and not (was is not None and now is not None and np.isnan(was) and np.isnan(now)):
            return field, was, now
    return None
