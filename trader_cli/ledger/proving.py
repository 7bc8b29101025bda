"""What `verify` derives again of research: numbers of trials, keys of parameters, what follows from checks."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection, func, select

from trader_cli.ledger import schema
from trader_cli.ledger.figures import figures, params_key
from trader_cli.ledger.finding import Finding
from trader_cli.ledger.record import UNVALIDATED
from trader_cli.ledger.sweeps import PAGE, record_of
from trader_cli.ledger.verdicts import validation_of, verdict_of
from trader_cli.model.evidence import follows


def sweeps(connection: Connection) -> Iterator[Finding]:
    """Every search has as many trials as the numbers of its trials say, and at most those it was asked for."""
    s, t = schema.sweeps, schema.trials
    counted = select(t.c.sweep, func.count(), func.min(t.c.number), func.max(t.c.number)).group_by(t.c.sweep)
    found = {sweep: (count, low, high) for sweep, count, low, high in connection.execute(counted)}
    for row in connection.execute(select(s).order_by(s.c.id)):
        record_of(row)
        count, low, high = found.pop(row.id, (0, 0, -1))
        if (low, high) != (0, count - 1):
            yield Finding("trials", None, f"sweep `{row.sweep_id}` has {count} trials, numbered {low} to {high}")
        if count > row.total:
            yield Finding("sweeps", row.id, f"it has {count} trials, and {row.total} were asked for")


def trials(connection: Connection) -> Iterator[Finding]:
    """Every set of parameters has its key: what was tried is counted by it."""
    t = schema.trials
    query = select(t.c.id, t.c.params, t.c.params_key).order_by(t.c.id)
    for number, text, key in connection.execution_options(yield_per=PAGE).execute(query):
        if params_key(figures(text)) != key:
            yield Finding("trials", number, "the key of its parameters does not follow from them")


def verdicts(connection: Connection) -> Iterator[Finding]:
    """Every verdict follows from its checks, and what `strategies` says of code follows from a verdict."""
    s, v = schema.strategies, schema.verdicts
    judged: dict[int, int] = {}
    rows = {row.id: row for row in connection.execute(select(s))}
    for row in connection.execute(select(v).order_by(v.c.id)):
        one = verdict_of(row)
        if one.status is not follows(one.checks):
            yield Finding("verdicts", row.id, f"it is {one.status}, and its checks say {follows(one.checks)}")
        if params_key(one.params) != row.params_key:
            yield Finding("verdicts", row.id, "the key of its parameters does not follow from them")
        said = rows.get(row.strategy_row)
        wanted = (one.strategy, one.code_digest, validation_of(one.status, complete=one.complete))
        if said is not None and (said.name, said.code_digest, said.validation) != wanted:
            yield Finding(
                "verdicts", row.id, f"it is {wanted[2]} of `{one.strategy}`, its row of `strategies` says other"
            )
        judged[row.strategy_row] = judged.get(row.strategy_row, 0) + one.complete
    for number, said in rows.items():
        if judged.get(number, 0) != (said.validation != UNVALIDATED):
            text = f"it is {said.validation}, and {judged.get(number, 0)} verdicts say so"
            yield Finding("strategies", number, text)


def proposals(connection: Connection) -> Iterator[Finding]:
    """Every proposal is of the strategy whose search it comes from."""
    p, s = schema.proposals, schema.sweeps
    query = select(p.c.id, p.c.strategy, s.c.strategy.label("searched")).join_from(p, s, p.c.sweep == s.c.id)
    for row in connection.execute(query.where(p.c.strategy != s.c.strategy).order_by(p.c.id)):
        yield Finding("proposals", row.id, f"it is for `{row.strategy}`, its sweep was of `{row.searched}`")
