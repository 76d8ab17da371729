"""What a watcher of an outbox looks at, and what of it is to be announced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.outbox import number_of, owed_to, table_of, unreadable

if TYPE_CHECKING:
    from sqlalchemy import Engine

NEWEST = 10_000
"""How many rows that are owed are followed singly; the older ones are announced together."""


@dataclass(frozen=True, slots=True)
class Unmarked:
    """The numbers of rows that are owed, ascending: the newest ones, and the oldest there is."""

    ids: Sequence[int] = ()
    oldest: int | None = None


def unmarked(
    engine: Engine,
    table: str,
    number: str,
    delivered: Sequence[str],
    newest: int = NEWEST,
    *,
    in_order: bool = False,
) -> Unmarked:
    """Return which rows some consumer is owed; ``in_order``: none whom one before it has refused.

    Raises:
        SourceError: the table cannot be read.
    """
    from sqlalchemy import func, or_, select

    names = table_of(table, [number, *delivered])
    numbers = names.c[number]
    marks = [names.c[name] for name in delivered]
    owed = or_(*(owed_to(mark, marks[:place] if in_order else ()) for place, mark in enumerate(marks)))
    try:
        with engine.connect() as connection:
            found = connection.scalars(select(numbers).where(owed).order_by(numbers.desc()).limit(newest + 1))
            ids = [number_of(value) for value in found][::-1]
            if len(ids) <= newest:
                return Unmarked(ids, ids[0] if ids else None)
            return Unmarked(ids[1:], number_of(connection.scalar(select(func.min(numbers)).where(owed))))
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 -- each driver has its own; their texts hold values
        raise unreadable(table, error) from None


class Announcer:
    """Decides what an outbox's watcher announces: each row once, and again after ``again_seconds``.

    It is no cursor: a row that becomes visible late, with a smaller number than others, is announced, too.
    """

    def __init__(self, again_seconds: float) -> None:
        self._again = again_seconds
        self._at: dict[int, float] = {}

    def look(self, found: Unmarked, now: float) -> dict[str, int] | None:
        """Return the range to announce now, and how many rows it is about at least; None if there is none."""
        self._at = {number: self._at[number] for number in found.ids if number in self._at}
        due = [
            number
            for number in found.ids
            if number not in self._at or not 0 <= now - self._at[number] < self._again
        ]
        if not due:
            return None
        first, last = due[0], due[-1]
        if first == found.ids[0] and found.oldest is not None:
            first = found.oldest  # older ones than those that are looked at singly
        self._at.update({number: now for number in found.ids if first <= number <= last})
        return {"first": first, "last": last, "count": len(due)}

    def remembered(self, most: int = 2000) -> list[list[Any]]:
        """Return what was announced when, as JSON; nothing if it is long: a restart then announces again."""
        if len(self._at) > most:
            return []
        groups: dict[float, list[int]] = {}
        for number, at in self._at.items():
            groups.setdefault(at, []).append(number)
        return [[at, numbers] for at, numbers in groups.items()]

    def recall(self, remembered: Any) -> None:
        """Go on with what `remembered` returned."""
        try:
            self._at = {int(number): float(at) for at, numbers in remembered for number in numbers}
        except (TypeError, ValueError):
            self._at = {}
