"""The history read for people, a page at a time; nothing here writes.

Pages go by keyset: the next begins behind the last line of the one before, and costs as much as that. Newest
come first. ``dags`` bounds what is shown to what somebody may see; None: to nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger.admin import instant, spellings
from airflow_profile_provider.ledger.reader import has_ledger
from airflow_profile_provider.ledger.tables import Tables, begun

if TYPE_CHECKING:
    from sqlalchemy import Engine, Select

Mark = tuple[int, int]
"""The last line of a page: its push, and its number in it."""
_LAST = "\U0010ffff"


@dataclass(frozen=True, slots=True, kw_only=True)
class PushShown:
    """A push as the history has it; ``counts`` says how many records have which verdict."""

    id: int
    dag: str
    run: str
    task: str
    map_index: int
    try_number: int
    target: str
    key_type: str
    begun: str
    ended: str | None
    complete: bool
    counts: Mapping[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return it as it is printed."""
        return asdict(self)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReasonShown:
    """How many records got a verdict for a reason, in how many pushes, and when the last of these began."""

    verdict: str
    reason: str
    records: int
    pushes: int
    last: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """How many records got a verdict in the pushes to a target that began in a stretch of time."""

    begins: str
    target: str
    verdict: str
    records: int


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

    # -- pushes -----------------------------------------------------------------------------------------

    def pushes(
        self,
        *,
        dags: Collection[str] | None = None,
        target: str | None = None,
        since: float | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[PushShown]:
        """Return pushes, those that began since a moment (Unix time), before one by its id."""
        table = self._tables.pushes
        query = self._chosen(table.select(), dags=dags, target=target, since=since)
        if before is not None:
            query = query.where(table.c.id < before)
        return self._shown(query.order_by(table.c.id.desc()).limit(limit))

    def of_task(
        self, dag: str, run: str, task: str, map_index: int = -1, *, try_number: int | None = None
    ) -> list[PushShown]:
        """Return the pushes of a task instance: one for each of its tries and targets."""
        table = self._tables.pushes
        query = table.select().where(table.c.run == run, table.c.dag == dag, table.c.task == task)
        query = query.where(table.c.map_index == map_index)
        if try_number is not None:
            query = query.where(table.c["try"] == try_number)
        return self._shown(query.order_by(table.c.id.desc()))

    def _shown(self, query: Select[Any]) -> list[PushShown]:
        from sqlalchemy import func, select

        counts = self._tables.counts.c
        with begun(self._engine) as connection:
            rows = connection.execute(query).all()
            by_push: dict[int, dict[str, int]] = {row.id: {} for row in rows}
            counted = select(counts.push, counts.verdict, func.sum(counts.number))
            counted = counted.where(counts.push.in_(by_push)).group_by(counts.push, counts.verdict)
            for push, verdict, number in connection.execute(counted):
                if number:
                    by_push[push][verdict] = int(number)
        return [
            PushShown(
                id=row.id,
                dag=row.dag,
                run=row.run,
                task=row.task,
                map_index=row.map_index,
                try_number=getattr(row, "try"),
                target=row.target,
                key_type=row.key_type,
                begun=instant(row.begun),
                ended=None if row.ended is None else instant(row.ended),
                complete=bool(row.complete),
                counts=by_push[row.id],
            )
            for row in rows
        ]

    # -- records ----------------------------------------------------------------------------------------

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
        target: str | None = None,
        dags: Collection[str] | None = None,
        before: Mark | None = None,
        limit: int = 50,
    ) -> list[RecordShown]:
        """Return what became of a key, in whatever spelling; of one target, or of all."""
        from sqlalchemy import tuple_

        table = self._tables.records.c
        query = self._lines().where(table.key.in_(sorted(spellings(key))))
        query = self._chosen(query, dags=dags, target=target)
        if before is not None:
            query = query.where(tuple_(table.push, table.number) < tuple_(*before))
        return self._read(query.order_by(table.push.desc(), table.number.desc()).limit(limit))

    def keys(
        self, prefix: str, *, dags: Collection[str] | None = None, after: str = "", limit: int = 50
    ) -> list[str]:
        """Return keys that begin so, in their order, behind one of them."""
        from sqlalchemy import select

        table, pushes = self._tables.records.c, self._tables.pushes.c
        query = select(table.key).distinct().where(table.key >= prefix, table.key < prefix + _LAST)
        if after:
            query = query.where(table.key > after)
        if dags is not None:
            query = self._chosen(
                query.join_from(self._tables.records, self._tables.pushes, table.push == pushes.id), dags=dags
            )
        with begun(self._engine) as connection:
            return list(connection.scalars(query.order_by(table.key).limit(limit)))

    def problems(
        self,
        *,
        verdicts: Sequence[str] = (),
        reason: str | None = None,
        dags: Collection[str] | None = None,
        target: str | None = None,
        since: float | None = None,
        before: Mark | None = None,
        limit: int = 50,
    ) -> list[RecordShown]:
        """Return records that came to nothing, of all pushes; ``verdicts`` and ``reason``: only these."""
        from sqlalchemy import select, tuple_

        table, pushes, counts = self._tables.records.c, self._tables.pushes.c, self._tables.counts.c
        having = select(counts.push).where(counts.verdict.not_in(_DONE), counts.number > 0)
        if verdicts:
            having = having.where(counts.verdict.in_(verdicts))
        if reason is not None:
            having = having.where(
                counts.reason.in_([reason, ""])
            )  # beyond a hundred, they are not told apart
        query = self._chosen(self._lines(), dags=dags, target=target, since=since)
        query = self._only(query.where(pushes.id.in_(having), _is_problem()), verdicts, reason)
        if before is not None:
            query = query.where(tuple_(table.push, table.number) < tuple_(*before))
        return self._read(query.order_by(table.push.desc(), table.number.desc()).limit(limit))

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

    # -- in numbers -------------------------------------------------------------------------------------

    def reasons(
        self,
        *,
        dags: Collection[str] | None = None,
        target: str | None = None,
        since: float | None = None,
        limit: int = 50,
    ) -> list[ReasonShown]:
        """Return why records came to nothing, the most frequent reasons first."""
        from sqlalchemy import func, select

        counts, pushes = self._tables.counts, self._tables.pushes
        number = func.sum(counts.c.number)
        query = select(
            counts.c.verdict, counts.c.reason, number, func.count(), func.max(pushes.c.begun)
        ).join_from(counts, pushes, counts.c.push == pushes.c.id)
        query = query.where(counts.c.verdict.not_in([*_DONE, *_HELD]), counts.c.number > 0)
        query = self._chosen(query, dags=dags, target=target, since=since)
        query = query.group_by(counts.c.verdict, counts.c.reason)
        query = query.order_by(number.desc(), counts.c.verdict, counts.c.reason).limit(limit)
        with begun(self._engine) as connection:
            return [
                ReasonShown(
                    verdict=verdict, reason=reason, records=int(records), pushes=many, last=instant(last)
                )
                for verdict, reason, records, many, last in connection.execute(query)
            ]

    def over_time(
        self,
        *,
        since: float,
        seconds: float = 86_400.0,
        dags: Collection[str] | None = None,
        target: str | None = None,
    ) -> list[Period]:
        """Return how many records got which verdict, for each target and stretch of so many seconds."""
        from sqlalchemy import Integer, cast, func, select

        counts, pushes = self._tables.counts, self._tables.pushes
        stretch: Any = pushes.c.begun / seconds
        if self._engine.dialect.name == "postgresql":
            stretch = func.floor(stretch)  # its cast rounds
        which = cast(stretch, Integer)
        query = select(which, pushes.c.target, counts.c.verdict, func.sum(counts.c.number)).join_from(
            counts, pushes, counts.c.push == pushes.c.id
        )
        query = self._chosen(query.where(counts.c.number > 0), dags=dags, target=target, since=since)
        query = query.group_by(which, pushes.c.target, counts.c.verdict)
        query = query.order_by(which, pushes.c.target, counts.c.verdict)
        with begun(self._engine) as connection:
            return [
                Period(begins=instant(number * seconds), target=name, verdict=verdict, records=int(records))
                for number, name, verdict, records in connection.execute(query)
            ]

    def _chosen(
        self,
        query: Select[Any],
        *,
        dags: Iterable[str] | None,
        target: str | None = None,
        since: float | None = None,
    ) -> Select[Any]:
        """Bound a query to the pushes that somebody wants to see, and may."""
        table = self._tables.pushes.c
        if dags is not None:
            query = query.where(table.dag.in_(sorted(dags)))
        if target is not None:
            query = query.where(table.target == target)
        return query if since is None else query.where(table.begun >= since)


_DONE = ("pushed", "created")
_HELD = ("unchanged", "superseded", "planned", "verified")


def _is_problem() -> Any:
    """Whether a line is among those that have an index of their own: word by word as that has it."""
    from sqlalchemy import text

    return text("profile_history_records.verdict not in ('pushed', 'created')")
