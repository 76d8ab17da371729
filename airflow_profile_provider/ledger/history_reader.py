"""The history read for people, a page at a time; nothing here writes.

Pages go by keyset: the next begins behind the last line of the one before, and costs as much as that. Newest
come first. ``dags`` bounds what is shown to what somebody may see; None: to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.admin import begins_with, instant, spellings
from airflow_profile_provider.ledger.reader import has_ledger
from airflow_profile_provider.ledger.tables import Tables, begun

if TYPE_CHECKING:
    from sqlalchemy import Engine, Select

Mark = tuple[int, int]
"""The last line of a page: its push, and its number in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordShown:
    """What became of a record, in which push, and when."""

    push: int
    number: int
    instant: str
    dag: str
    run: str
    task: str
    map_index: int
    try_number: int
    target: str
    key_type: str
    key: str
    position: int
    verdict: str
    reason: str

    @property
    def mark(self) -> Mark:
        """Where the next page begins, if this is the last line of its own."""
        return self.push, self.number

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


class HistoryReader:
    """The history in the database behind an engine.

    Raises:
        ConfigurationError: there is none, or one of another version of this package.
        LedgerFailed: the database does not do what it is asked; from every method.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._tables = Tables.described()
        if not has_ledger(engine):
            raise ConfigurationError("there is no ledger in this database: no push has used it so far")

    def pushes_of(self, dag: str, run: str, task: str, map_index: int) -> list[int]:
        """Return the pushes of a task instance, newest first: one for each of its tries and targets."""
        from sqlalchemy import select

        table = self._tables.pushes.c
        query = select(table.id).where(table.run == run, table.dag == dag, table.task == task)
        query = query.where(table.map_index == map_index).order_by(table.id.desc())
        with begun(self._engine) as connection:
            return list(connection.scalars(query))

    def of_push(
        self,
        push: int,
        *,
        verdicts: Sequence[str] = (),
        reason: str | None = None,
        after: int = 0,
        limit: int = 50,
    ) -> list[RecordShown]:
        """Return the lines of a push in their order, behind a number; ``verdicts``: only these."""
        table = self._tables.records.c
        query = self._lines().where(table.push == push, table.number > after)
        query = self._only(query, verdicts, reason)
        return self._read(query.order_by(table.push, table.number).limit(limit))

    def of_key(
        self,
        key: str,
        *,
        dags: Collection[str] | None = None,
        before: Mark | None = None,
        limit: int = 50,
    ) -> list[RecordShown]:
        """Return what became of a key, in whatever spelling."""
        from sqlalchemy import tuple_

        table = self._tables.records.c
        query = self._of_dags(self._lines().where(table.key.in_(sorted(spellings(key)))), dags)
        if before is not None:
            query = query.where(tuple_(table.push, table.number) < tuple_(*before))
        return self._read(query.order_by(table.push.desc(), table.number.desc()).limit(limit))

    def keys(self, prefix: str, *, dags: Collection[str] | None = None, limit: int = 50) -> list[str]:
        """Return keys that begin so, in their order."""
        from sqlalchemy import select

        table, pushes = self._tables.records.c, self._tables.pushes.c
        query = select(table.key).distinct().where(begins_with(table.key, prefix))
        if dags is not None:
            of_pushes = query.join_from(self._tables.records, self._tables.pushes, table.push == pushes.id)
            query = self._of_dags(of_pushes, dags)
        with begun(self._engine) as connection:
            return list(connection.scalars(query.order_by(table.key).limit(limit)))

    def _lines(self) -> Select[Any]:
        from sqlalchemy import select

        records, pushes = self._tables.records, self._tables.pushes
        columns = [column for column in pushes.c if column.name not in {"id", "begun", "ended"}]
        return select(*records.c, *columns).join_from(records, pushes, records.c.push == pushes.c.id)

    def _only(self, query: Select[Any], verdicts: Sequence[str], reason: str | None) -> Select[Any]:
        table = self._tables.records.c
        if verdicts:
            query = query.where(table.verdict.in_(verdicts))
            if not set(verdicts) & set(_DONE):
                query = query.where(_is_problem())
        return query if reason is None else query.where(table.reason == reason)

    def _read(self, query: Select[Any]) -> list[RecordShown]:
        with begun(self._engine) as connection:
            return [
                RecordShown(
                    push=row.push,
                    number=row.number,
                    instant=instant(row.at),
                    dag=row.dag,
                    run=row.run,
                    task=row.task,
                    map_index=row.map_index,
                    try_number=getattr(row, "try"),
                    target=row.target,
                    key_type=row.key_type,
                    key=row.key,
                    position=row.position,
                    verdict=row.verdict,
                    reason=row.reason,
                )
                for row in connection.execute(query)
            ]

    def _of_dags(self, query: Select[Any], dags: Collection[str] | None) -> Select[Any]:
        """Bound a query to what somebody may see."""
        return query if dags is None else query.where(self._tables.pushes.c.dag.in_(sorted(dags)))


_DONE = ("pushed", "created")


def _is_problem() -> Any:
    """Whether a line is among those that have an index of their own: word by word as that has it."""
    from sqlalchemy import text

    return text("profile_history_records.verdict not in ('pushed', 'created')")
