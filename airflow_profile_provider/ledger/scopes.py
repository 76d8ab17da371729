"""Which of the pushes to a target delivered a key: the scopes of its entry.

Each scope has a number at its target, and a token: "+3;" stands in the entries of the keys that scope 3 has
delivered. "-3;" takes its place where the key is gone from that scope's source, and another scope has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from airflow_profile_provider.ledger.statements import GONE, PRESENT, insert_into
from airflow_profile_provider.ledger.tables import LONGEST_SCOPE, Tables, begun

if TYPE_CHECKING:
    from sqlalchemy import Engine

WATCHED_SECONDS = 8 * 24 * 3600.0
"""How long a scope speaks for its keys after it was last watched for leavers: a weekly push, and a day."""


@dataclass(frozen=True)
class Scope:
    """One of the pushes to a target, by its number there and its name."""

    number: int
    name: str

    @cached_property
    def token(self) -> str:
        """What stands in the entries of keys that its source has."""
        return f"{PRESENT}{self.number};"

    @cached_property
    def gone(self) -> str:
        """What stands in the entries of keys that its source no longer has, and another's does."""
        return f"{GONE}{self.number};"


class Member(NamedTuple):
    """A key that was acknowledged: by which scopes, how it is spelled, and since when it is absent, if so."""

    key: str
    scopes: str | None
    spelled: str | None
    absent: int
    doubt: int

    def has(self, token: str) -> bool:
        """Whether a scope's token stands in its entry."""
        return self.scopes is not None and token in self.scopes


def scope_of(engine: Engine, target: int, name: str) -> Scope:
    """Return a target's scope of this name, with a number that may be new."""
    from sqlalchemy import func, select

    table, name = Tables.described().scopes, name[:LONGEST_SCOPE]
    query = select(table.c.id).where(table.c.target == target, table.c.name == name)
    while True:  # another task may take the same number
        with begun(engine) as connection:
            found = connection.execute(query).scalar()
            if found is not None:
                return Scope(found, name)
            last = connection.execute(
                select(func.coalesce(func.max(table.c.id), 0)).where(table.c.target == target)
            ).scalar_one()
            insert = insert_into(table, engine.dialect.name).on_conflict_do_nothing()
            connection.execute(insert, [{"target": target, "id": last + 1, "name": name, "watched_at": 0.0}])


def watched(engine: Engine, target: int, scope: Scope, now: float, *, note: bool) -> list[Scope]:
    """Return the other scopes that are watched for leavers, and were lately; ``note`` that this one is."""
    from sqlalchemy import select

    table = Tables.described().scopes
    query = select(table.c.id, table.c.name).where(table.c.target == target, table.c.id != scope.number)
    with begun(engine) as connection:
        if note:
            mine = table.update().where(table.c.target == target, table.c.id == scope.number)
            connection.execute(mine.values(watched_at=now))
        found = connection.execute(query.where(table.c.watched_at > now - WATCHED_SECONDS)).all()
    return [Scope(number, name) for number, name in found]
