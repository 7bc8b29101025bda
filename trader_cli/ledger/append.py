"""Appending to a chained table: the next ids, the links, the head; through the driver's own executemany."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from trader_cli.ledger import schema
from trader_cli.ledger.chain import GENESIS, chain, row_bytes

_BATCH = 50_000


def head_of(connection: Connection, table: Table) -> tuple[int, bytes]:
    """Return (rows, chain value of the last row) of a chained table."""
    row = connection.execute(select(schema.heads.c.rows, schema.heads.c.head).where(schema.heads.c.name == table.name))
    found = row.first()
    return (0, GENESIS) if found is None else (int(found[0]), bytes(found[1]))


def set_head(connection: Connection, table: Table, rows: int, head: bytes) -> None:
    """Move the head of a chained table."""
    values = {"rows": rows, "head": head}
    done = connection.execute(update(schema.heads).where(schema.heads.c.name == table.name).values(values))
    if done.rowcount == 0:
        connection.execute(insert(schema.heads).values(name=table.name, **values))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert rows given as tuples in column order."""
    if not rows:
        return
    compiled = insert(table).compile(dialect=connection.dialect)
    names = [column.name for column in table.columns]
    for start in range(0, len(rows), _BATCH):
        part = rows[start : start + _BATCH]
        if compiled.positional:
            connection.exec_driver_sql(str(compiled), [tuple(row) for row in part])
        else:
            connection.exec_driver_sql(str(compiled), [dict(zip(names, row, strict=True)) for row in part])


def append(connection: Connection, table: Table, rows: Iterable[tuple[Any, ...]]) -> int:
    """Append rows (without id and chain) to a chained table; return the id of the first."""
    count, head = head_of(connection, table)
    numbered = [(count + i, *row) for i, row in enumerate(rows, start=1)]
    links = chain(head, (row_bytes(row) for row in numbered))
    insert_rows(connection, table, [(*row, one) for row, one in zip(numbered, links, strict=True)])
    if links:
        set_head(connection, table, count + len(links), links[-1])
    return count + 1
