"""Scans as rows, what `verify` derives again of them, and how they leave the machine."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Row, func, select

from trader_cli.errors import DataError, UsageError, did_you_mean
from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.beancount import time_text
from trader_cli.ledger.figures import figures, figures_text
from trader_cli.ledger.finding import Finding
from trader_cli.ledger.opened import Opened
from trader_cli.ledger.record import json_text
from trader_cli.model.scan import ACT, LeftOut, RankedSignal, ScanRecord, ScanSummary

_FIGURES = (
    *("price", "target", "confidence", "stop", "take", "reward_risk", "age"),
    *("volume", "spread_bps", "order_pct"),
)


class Scans(Opened):
    """The face of scans; every method one transaction. Times are ms UTC; NaN comes back as it was given."""

    def record_scan(self, record: ScanRecord) -> None:
        """Write a scan, whole or not at all.

        Raises DataError for an id that is taken, for a symbol that is approved and left out, and for ranks that are no count
        from 1.
        """
        with self._writing() as connection:
            record_scan(connection, record)

    def scans(self, limit: int | None = None) -> list[ScanSummary]:
        """Return scans, newest first."""
        with self._reading() as connection:
            return summaries(connection, limit)

    def scan(self, prefix: str) -> ScanRecord:
        """Return the scan whose id begins so. Raises UsageError where there is none or more than one."""
        with self._reading() as connection:
            return scan(connection, prefix)


def record_scan(connection: Connection, one: ScanRecord) -> None:
    """Write a scan with whom it left out and what was wanted; see `Scans.record_scan`."""
    t = schema.scans
    if connection.execute(select(t.c.id).where(t.c.scan_id == one.scan_id)).first() is not None:
        raise DataError(
            f"there is a scan `{one.scan_id}` already", "a scan is written once; give the new one its own id"
        )
    names = Counter((*one.approved, *(each.symbol for each in one.left_out)))
    twice = [name for name, count in names.items() if count > 1]
    if twice:
        raise DataError(f"scan `{one.scan_id}` looked at `{twice[0]}` twice")
    if [each.rank for each in one.signals] != list(range(1, len(one.signals) + 1)):
        raise DataError(f"the ranks of scan `{one.scan_id}` are no count from 1")
    acts = sum(each.state == ACT for each in one.signals)
    where = (one.scan_id, one.time_ms, one.exchange, one.timeframe, one.universe)
    how = (json_text(list(one.strategies)), figures_text(one.settings), json_text(list(one.approved)))
    counts = (len(one.approved), len(one.left_out), len(one.signals), acts)
    number = append(connection, t, [(*where, *how, *counts)])
    out = [
        (number, each.symbol, each.filter, repr(float(each.number)), repr(float(each.limit)), each.unit, each.message)
        for each in one.left_out
    ]
    append(connection, schema.scan_left_out, out)
    wanted = [
        (number, each.rank, each.symbol, each.strategy, each.state, each.bar_ms, figures_text(each.figures))
        for each in one.signals
    ]
    append(connection, schema.scan_signals, wanted)


def summaries(connection: Connection, limit: int | None) -> list[ScanSummary]:
    """Return scans, newest first."""
    t = schema.scans
    rows = list(connection.execute(select(t).order_by(t.c.id.desc()).limit(limit)))
    if not rows:
        return []
    filtered = _filtered(connection, rows[-1].id)
    return [
        ScanSummary(
            scan_id=row.scan_id,
            time_ms=row.time_ms,
            exchange=row.exchange,
            timeframe=row.timeframe,
            universe=row.universe,
            strategies=tuple(json.loads(row.strategies)),
            symbols=row.approved_count + row.left_out_count,
            approved=row.approved_count,
            filtered=filtered.get(row.id, {}),
            signals=row.signal_count,
            acts=row.act_count,
        )
        for row in rows
    ]


def scan(connection: Connection, prefix: str) -> ScanRecord:
    """Return the scan whose id begins so. Raises UsageError where there is none or more than one."""
    t = schema.scans
    known = list(connection.execute(select(t.c.scan_id).order_by(t.c.id.desc())).scalars())
    hits = [one for one in known if one.startswith(prefix)] if prefix else []
    if len(hits) != 1 and prefix not in hits:
        if hits:
            raise UsageError(f"`{prefix}` could be {len(hits)} scans", f"e.g. `{hits[0]}` or `{hits[1]}`")
        near = did_you_mean(prefix, [one[: max(len(prefix), 6)] for one in known])
        raise UsageError(f"there is no scan `{prefix}`", *near, "`trader scan --history` lists them")
    name = prefix if prefix in hits else hits[0]
    return _record(connection, connection.execute(select(t).where(t.c.scan_id == name)).one())


def prove(connection: Connection) -> Iterator[Finding]:
    """Every scan has as many rows as it says, ranks counted from 1, and no symbol both approved and left out.

    All rows are read once, in order: memory does not grow with the number of scans.
    """
    s, o, w = schema.scans, schema.scan_left_out, schema.scan_signals
    out = _Groups(connection.execute(select(o.c.scan, o.c.symbol).order_by(o.c.scan, o.c.id)))
    wanted = _Groups(connection.execute(select(w.c.scan, w.c.rank, w.c.state).order_by(w.c.scan, w.c.rank)))
    for row in connection.execute(select(s).order_by(s.c.id)):
        approved = json.loads(row.approved)
        gone = [symbol for (symbol,) in out.of(row.id)]
        signals = wanted.of(row.id)
        told = (row.approved_count, row.left_out_count, row.signal_count, row.act_count)
        found = (len(approved), len(gone), len(signals), sum(state == ACT for _, state in signals))
        if told != found:
            yield Finding("scans", row.id, f"scan `{row.scan_id}` says {_counted(told)}, and it has {_counted(found)}")
        if [place for place, _ in signals] != list(range(1, len(signals) + 1)):
            yield Finding("scan_signals", None, f"the ranks of scan `{row.scan_id}` are no count from 1")
        if len({*approved, *gone}) < len(approved) + len(gone):
            yield Finding("scans", row.id, f"scan `{row.scan_id}` looked at a symbol twice")


class _Groups:
    """Rows in order of their scan, handed out scan by scan."""

    def __init__(self, rows: Iterable[Row[Any]]) -> None:
        self._groups = groupby(rows, key=itemgetter(0))
        self._ahead = next(self._groups, None)

    def of(self, scan: int) -> list[tuple[Any, ...]]:
        """Return the rows of a scan without its number, none where it has none; asked in rising order."""
        if self._ahead is None or self._ahead[0] != scan:
            return []
        found: list[tuple[Any, ...]] = [tuple(row)[1:] for row in self._ahead[1]]
        self._ahead = next(self._groups, None)
        return found


def tables(connection: Connection) -> dict[str, tuple[list[str], list[list[Any]]]]:
    """Return header and rows of the files that scans are exported as; empty fields where a number is not known."""
    s, o, w = schema.scans, schema.scan_left_out, schema.scan_signals
    scans = []
    for row in connection.execute(select(s).order_by(s.c.id)):
        where = (row.scan_id, time_text(row.time_ms), row.exchange, row.timeframe, row.universe)
        counts = (row.approved_count, row.left_out_count, row.signal_count, row.act_count)
        symbols = row.approved_count + row.left_out_count
        scans.append([*where, " ".join(json.loads(row.strategies)), symbols, *counts])
    out = []
    for row in connection.execute(select(s.c.scan_id, o).join_from(o, s, o.c.scan == s.c.id).order_by(o.c.id)):
        held = (_known(float(row.number)), _known(float(row.limit_value)))
        out.append([row.scan_id, row.symbol, row.filter, *held, row.unit, row.message])
    wanted = []
    for row in connection.execute(select(s.c.scan_id, w).join_from(w, s, w.c.scan == s.c.id).order_by(w.c.id)):
        said = figures(row.figures)
        numbers = [_known(said.get(name, math.nan)) for name in _FIGURES]
        wanted.append([row.scan_id, row.rank, row.symbol, row.strategy, row.state, time_text(row.bar_ms), *numbers])
    heads = ["scan_id", "time", "exchange", "timeframe", "universe", "strategies"]
    return {
        "scans.csv": ([*heads, "symbols", "approved", "left_out", "signals", "acts"], scans),
        "scan_left_out.csv": (["scan_id", "symbol", "filter", "number", "limit", "unit", "message"], out),
        "scan_signals.csv": (["scan_id", "rank", "symbol", "strategy", "state", "bar", *_FIGURES], wanted),
    }


def _record(connection: Connection, row: Row[Any]) -> ScanRecord:
    o, w = schema.scan_left_out, schema.scan_signals
    out = connection.execute(select(o).where(o.c.scan == row.id).order_by(o.c.id))
    wanted = connection.execute(select(w).where(w.c.scan == row.id).order_by(w.c.rank))
    return ScanRecord(
        scan_id=row.scan_id,
        time_ms=row.time_ms,
        exchange=row.exchange,
        timeframe=row.timeframe,
        universe=row.universe,
        strategies=tuple(json.loads(row.strategies)),
        settings=figures(row.settings),
        approved=tuple(json.loads(row.approved)),
        left_out=tuple(
            LeftOut(one.symbol, one.filter, float(one.number), float(one.limit_value), one.unit, one.message)
            for one in out
        ),
        signals=tuple(
            RankedSignal(one.symbol, one.strategy, one.rank, one.state, one.bar_ms, figures(one.figures))
            for one in wanted
        ),
    )


def _filtered(connection: Connection, oldest: int) -> Mapping[int, dict[str, int]]:
    o = schema.scan_left_out
    query = select(o.c.scan, o.c.filter, func.count()).where(o.c.scan >= oldest).group_by(o.c.scan, o.c.filter)
    found: dict[int, dict[str, int]] = {}
    for number, name, count in connection.execute(query.order_by(o.c.scan, o.c.filter)):
        found.setdefault(number, {})[name] = count
    return found


def _counted(counts: tuple[int, ...]) -> str:
    return "{} approved, {} left out, {} signals and {} to act on".format(*counts)


def _known(value: float) -> float | str:
    return "" if math.isnan(value) else value
