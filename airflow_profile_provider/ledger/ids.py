"""Which of a vendor's profiles somebody's own key means: found once, and remembered beside the ledger."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import Unmatched
from airflow_profile_provider.ledger.diff import profile_of
from airflow_profile_provider.ledger.statements import insert_into
from airflow_profile_provider.ledger.tables import LONGEST_KEY, Tables, begun, patient
from airflow_profile_provider.records import Change

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine


class ReadIds:
    """The vendor's keys of one target's profiles, by the keys under which the ledger keeps these.

    ``key_type`` is which identifier of the vendor's they are. Any thread may use it.

    Raises:
        LedgerFailed: the database does not do what it is asked; from every method.
    """

    def __init__(self, engine: Engine, target: int, key_type: str) -> None:
        self._engine = engine
        self._target = target
        self._key_type = key_type
        self._table = Tables.described().ids
        self._lock = Lock()

    @patient
    def of(self, keys: Collection[str]) -> dict[str, str]:
        """Return which of the keys are known to mean a profile, and which one."""
        from sqlalchemy import select

        columns = self._table.c
        query = select(columns.key, columns.id).where(self._mine(), columns.key.in_(keys))
        with self._lock, begun(self._engine) as connection:
            return _by_key(connection.execute(query))

    def with_known(self, changes: Collection[Change]) -> list[Change]:
        """Return changes, each with the vendor's key where that is known, as it is known now."""
        sought = {profile_of(change) for change in changes if change.sought}
        known = self.of(sought) if sought else {}
        return [_found(change, known.get(profile_of(change), "")) for change in changes]

    def _mine(self) -> Any:
        return (self._table.c.target == self._target) & (self._table.c.key_type == self._key_type)


class Ids(ReadIds):
    """The same, to be written to, too; ``fold`` stands for all spellings of a key of the vendor's."""

    def __init__(self, engine: Engine, target: int, key_type: str, fold: Callable[[str], str]) -> None:
        super().__init__(engine, target, key_type)
        self._fold = fold

    @patient
    def remember(self, key: str, found: str) -> str:
        """Remember that a key means this profile; return the one that it means, if it meant one already.

        Raises:
            Unmatched: another key means this profile; two people's rows would overwrite each other.
        """
        from sqlalchemy import select

        profile, table = self._fold(found), self._table
        if max(len(found), len(profile)) > LONGEST_KEY:
            raise Unmatched(f"the vendor's key has more than the {LONGEST_KEY} characters that are kept")
        row = {"target": self._target, "key_type": self._key_type, "key": key}
        statement = insert_into(table, self._engine.dialect.name).on_conflict_do_nothing()
        of_both = (table.c.key == key) | (table.c.profile == profile)
        query = select(table.c.key, table.c.id).where(self._mine(), of_both)
        with self._lock, begun(self._engine) as connection:
            connection.execute(statement.values(**row, id=found, profile=profile))
            held = _by_key(connection.execute(query))
        if key in held:
            return held[key]
        raise Unmatched(
            "matches a profile that another key means already: one of them is somebody else's, or the person "
            "is twice in the source",
            f"the other key is {next(iter(held), '')}",
        )

    @patient
    def forget(self, key: str, found: str) -> None:
        """Forget that a key means this profile, and what the vendor acknowledged of it: it is gone.

        Where the key means another one by now, that is left as it is.
        """
        columns, entries = self._table.c, Tables.described().entries
        with self._lock, begun(self._engine) as connection:
            gone = self._mine() & (columns.key == key) & (columns.id == found)
            if connection.execute(self._table.delete().where(gone)).rowcount:
                of_it = (entries.c.target == self._target) & (entries.c.key == key)
                connection.execute(entries.update().where(of_it).values(row=None, prints=None, fields=None))


def forget_ids(connection: Connection, target: int, keys: Iterable[str] | None) -> None:
    """Forget which profiles these keys of a target mean, or all of them."""
    table = Tables.described().ids
    statement = table.delete().where(table.c.target == target)
    connection.execute(statement if keys is None else statement.where(table.c.key.in_(list(keys))))


def _by_key(rows: Iterable[Any]) -> dict[str, str]:
    return {str(key): str(found) for key, found in rows}


def _found(change: Change, found: str) -> Change:
    if change.sought is None:
        return change
    return replace(change, sought=replace(change.sought, found=found))
