"""Keys that an older version of the package kept in a ledger as they were spelled."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import Tables, begun

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

KEYS_AT_ONCE = 10_000
"""How many keys are held in memory: all are gone through once, so that few statements are better."""


def mark_of(target: int) -> str:
    """Under which name the ledger notes that a target's keys are kept as `keep_as` wrote them."""
    return f"folded {target}"


def keep_as(engine: Engine, target: int, fold: Callable[[str], str]) -> None:
    """Keep each key of a target as what stands for all of its spellings; once, in one transaction.

    Of two spellings of one key nobody knows which was acknowledged last: that one is sent again.

    Raises:
        LedgerFailed: the database does not do what it is asked.
    """
    from sqlalchemy import select

    meta = Tables.described().meta
    with begun(engine) as connection:
        if connection.execute(select(meta.c.name).where(meta.c.name == mark_of(target))).first():
            return
    with begun(engine) as connection:
        note = insert_into(meta, engine.dialect.name).on_conflict_do_nothing()
        if connection.execute(note.values(name=mark_of(target), value="1")).rowcount:
            for key in _keys(connection, target):
                if (folded := fold(key)) != key:
                    _rename(connection, target, key, folded)


def _keys(connection: Connection, target: int) -> Iterator[str]:
    from sqlalchemy import select

    table = Tables.described().entries.c
    query = select(table.key).where(table.target == target).order_by(table.key).limit(KEYS_AT_ONCE)
    page = list(connection.scalars(query))
    while page:
        yield from page
        page = list(connection.scalars(query.where(table.key > page[-1])))


def _rename(connection: Connection, target: int, key: str, folded: str) -> None:
    from sqlalchemy import func, select

    table = Tables.described().entries
    mine, other = (table.c.target == target) & (table.c.key == key), (table.c.target == target)
    other &= table.c.key == folded
    if not connection.execute(select(table.c.key).where(other)).first():
        connection.execute(table.update().where(mine).values(key=folded))
        return
    newest = connection.scalar(select(func.max(table.c.order)).where(mine | other))
    unknown = {
        "row": None,
        "fields": None,
        "prints": None,
        "doubt": 1,
        "refused": None,
        "refusals": None,
        "order": newest,
    }
    connection.execute(table.update().where(other).values(unknown))
    connection.execute(table.delete().where(mine))
