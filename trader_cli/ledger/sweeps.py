"""Searches and what they tried, as rows: a trial is a row, read in pages, so that memory does not grow with their number."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from trader_cli.errors import DataError, LeaseError, UsageError, did_you_mean
from trader_cli.ledger import schema
from trader_cli.ledger.append import append
from trader_cli.ledger.figures import figures, figures_text, text_key
from trader_cli.ledger.record import json_text
from trader_cli.model.evidence import SweepRecord, SweepState, Trial

PAGE = 1_000
"""Rows that are read at once."""


def start_sweep(connection: Connection, one: SweepRecord) -> None:
    """Write how a search begins. Raises DataError for an id that is taken."""
    t = schema.sweeps
    if connection.execute(select(t.c.id).where(t.c.sweep_id == one.sweep_id)).first() is not None:
        raise DataError(
            f"there is a sweep `{one.sweep_id}` already", "a sweep is written once; give the new one its own id"
        )
    what = (one.sweep_id, one.key, one.strategy, one.code_digest, json_text(dict(one.data_digests)), one.exchange)
    where = (one.timeframe, json_text(list(one.symbols)), one.since_ms, one.until_ms, one.method, one.seed)
    how = (json_text(list(one.objectives)), figures_text(one.space), figures_text(one.settings))
    append(connection, t, [(*what, *where, *how, one.total, one.started_ms)])


def end_sweep(connection: Connection, sweep_id: str, time_ms: int, how: str) -> None:
    """Write how a search ended, once more where it was gone on with."""
    append(connection, schema.sweep_ends, [(sweep_row(connection, sweep_id).id, time_ms, how)])


def sweep_row(connection: Connection, sweep_id: str) -> Row[Any]:
    """Return the row of exactly this search. Raises DataError where there is none."""
    row = connection.execute(select(schema.sweeps).where(schema.sweeps.c.sweep_id == sweep_id)).first()
    if row is None:
        raise DataError(f"there is no sweep `{sweep_id}`")
    return row


def find_sweep(connection: Connection, key: str) -> SweepState | None:
    """Return the newest search with this key."""
    t = schema.sweeps
    row = connection.execute(select(t).where(t.c.key == key).order_by(t.c.id.desc()).limit(1)).first()
    return None if row is None else _state(connection, row)


def sweep(connection: Connection, prefix: str) -> SweepState:
    """Return the search whose id begins so. Raises UsageError where there is none or more than one."""
    t = schema.sweeps
    known = list(connection.execute(select(t.c.sweep_id).order_by(t.c.id.desc())).scalars())
    hits = [one for one in known if one.startswith(prefix)] if prefix else []
    if len(hits) != 1 and prefix not in hits:
        if hits:
            raise UsageError(f"`{prefix}` could be {len(hits)} sweeps", f"e.g. `{hits[0]}` or `{hits[1]}`")
        near = did_you_mean(prefix, [one[: max(len(prefix), 6)] for one in known])
        raise UsageError(f"there is no sweep `{prefix}`", *near)
    return _state(connection, sweep_row(connection, prefix if prefix in hits else hits[0]))


def sweeps(connection: Connection, strategy: str | None, limit: int | None) -> list[SweepState]:
    """Return searches, newest first."""
    query = select(schema.sweeps).order_by(schema.sweeps.c.id.desc()).limit(limit)
    if strategy is not None:
        query = query.where(schema.sweeps.c.strategy == strategy)
    return [_state(connection, row) for row in connection.execute(query)]


def add_trials(connection: Connection, sweep_id: str, trials: Sequence[Trial]) -> None:
    """Append trials. Raises LeaseError where the first is there already, DataError for a gap or more than were asked for."""
    if not trials:
        return
    row = sweep_row(connection, sweep_id)
    done, numbers = _done(connection, row.id), [one.number for one in trials]
    if numbers[0] < done:
        raise LeaseError(
            f"trial {numbers[0]:,} of sweep `{sweep_id}` is written already: another process goes on with the same search",
            "let that one finish, or stop it first",
        )
    if numbers != list(range(done, done + len(trials))):
        wrong = next(
            number for number, wanted in zip(numbers, range(done, done + len(trials)), strict=True) if number != wanted
        )
        raise DataError(
            f"trial {wrong:,} of sweep `{sweep_id}` leaves a gap: {done:,} are written", "begin the sweep again"
        )
    if done + len(trials) > row.total:
        raise DataError(f"sweep `{sweep_id}` has {row.total:,} trials, and {done + len(trials):,} were to be written")
    append(connection, schema.trials, (_trial_row(row.id, one) for one in trials))


def trials_page(connection: Connection, sweep: int, first: int, last: int) -> list[Trial]:
    """Return the trials of a row of `sweeps` with numbers in [first, last), in order."""
    t = schema.trials
    query = select(t).where(t.c.sweep == sweep, t.c.number >= first, t.c.number < last).order_by(t.c.number)
    return [trial_of(row) for row in connection.execute(query)]


def trials_of(connection: Connection, sweep: int, numbers: Iterable[int]) -> list[Trial]:
    """Return the trials of a row of `sweeps` with these numbers, in the order of the numbers."""
    wanted = list(numbers)
    t = schema.trials
    found: dict[int, Trial] = {}
    for start in range(0, len(wanted), PAGE):
        query = select(t).where(t.c.sweep == sweep, t.c.number.in_(wanted[start : start + PAGE]))
        found |= {row.number: trial_of(row) for row in connection.execute(query)}
    return [found[number] for number in wanted]


def trial_of(row: Row[Any]) -> Trial:
    """Return a row of `trials` as the model knows it."""
    return Trial(row.number, figures(row.params), figures(row.stats), row.digest, row.problem)


def record_of(row: Row[Any]) -> SweepRecord:
    """Return a row of `sweeps` as the model knows it."""
    values = {name: row._mapping[name] for name in SweepRecord.__dataclass_fields__}
    for name in ("data_digests", "symbols", "objectives"):
        values[name] = json.loads(values[name])
    values |= {"symbols": tuple(values["symbols"]), "objectives": tuple(values["objectives"])}
    return SweepRecord(**{**values, "space": figures(row.space), "settings": figures(row.settings)})


def _state(connection: Connection, row: Row[Any]) -> SweepState:
    e = schema.sweep_ends
    how = connection.execute(select(e.c.how).where(e.c.sweep == row.id).order_by(e.c.id.desc()).limit(1)).scalar()
    return SweepState(record_of(row), _done(connection, row.id), how or "")


def _done(connection: Connection, sweep: int) -> int:
    # Numbers are without a gap: the newest says how many there are, without counting.
    newest = select(func.max(schema.trials.c.number)).where(schema.trials.c.sweep == sweep)
    return int(connection.execute(select(func.coalesce(newest.scalar_subquery(), -1))).scalar_one()) + 1


def _trial_row(sweep: int, one: Trial) -> tuple[Any, ...]:
    params = figures_text(one.params)
    return (sweep, one.number, params, text_key(params), figures_text(one.stats), one.digest, one.problem)
