"""How far a list has been read: the cursor between two pages, and when the last one has come.

Lists that are asked for by page or by offset move while they are read: a profile that is made meanwhile shows
another one twice, and one that is deleted hides another. A page may also be shorter than was asked for, and
a total may be a text, missing, or not what it was a page ago.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord, RecordRefused
from airflow_profile_provider.values import integer

_MOST_REPEATS = 3
"""Pages in a row that are the one before: so many come when many profiles are made at once, more do not."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a list: the ``page`` to ask for, and how many rows were ``seen`` before it.

    ``mark`` is a hash of the page before it, which was the one before that ``repeats`` times in a row;
    ``again`` counts the rows of all pages that were.
    """

    page: int = 0
    seen: int = 0
    again: int = 0
    repeats: int = 0
    mark: str = ""

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """Read a cursor; None is the beginning.

        Raises:
            ConfigurationError: it is none of this version's.
        """
        if cursor is None:
            return cls()
        try:
            page, seen, again, repeats, mark = json.loads(cursor)
            return cls(int(page), int(seen), int(again), int(repeats), str(mark))
        except (ValueError, TypeError):
            raise ConfigurationError("the cursor of the list is none of this version's: start anew") from None

    @property
    def cursor(self) -> str:
        """The place as text, without a word of any profile."""
        return json.dumps([self.page, self.seen, self.again, self.repeats, self.mark])

    @property
    def fresh(self) -> int:
        """How many rows were seen without the pages that came again."""
        return self.seen - self.again

    def after(self, ids: Sequence[str], name: str) -> Place | None:
        """Return the place after the page that holds these profiles; None where it holds none.

        Raises:
            RecordRefused: the list of ``name`` shows one page for ever.
        """
        if not ids:
            return None
        mark = blake2b("\0".join(ids).encode(errors="replace"), digest_size=8).hexdigest()
        repeats = self.repeats + 1 if mark == self.mark else 0
        if repeats > _MOST_REPEATS:
            raise RecordRefused(f"{name} shows the same page of its list again and again")
        again = self.again + (len(ids) if repeats else 0)
        return Place(self.page + 1, self.seen + len(ids), again, repeats, mark)


def count(total: Any) -> int | None:
    """Return a list's total, also one that is written as text; None where it is none."""
    try:
        found = None if isinstance(total, bool) else integer(total)
    except InvalidRecord:
        return None
    return found if found is None or found >= 0 else None


def identifier(value: Any) -> str:
    """Return an identifier as text, also one that is a number; empty where it is none."""
    if isinstance(value, str):
        return value
    try:
        found = None if isinstance(value, bool) else integer(value)
    except InvalidRecord:
        return ""
    return "" if found is None else str(found)
