"""The changes of a whole source by the profile that they name, in a private file on disk.

A vendor lists its profiles in an order of its own, and a source has its rows in another. One side has to be
kept whole until the other comes along. It is the source: the file then holds nothing that this machine did
not have before, and how far the list was read is all that a retry needs to know.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from tempfile import gettempdir
from typing import Any

from airflow_profile_provider.errors import OutputFailed
from airflow_profile_provider.mapping.window import PendingChange, Window
from airflow_profile_provider.records import Change

_OF_CHANGE = attrgetter(*(one.name for one in fields(Change)))
_Kept = tuple[tuple[Any, ...], bytes]
_ASKED_AT_ONCE = 500
"""Parameters of one statement; SQLite takes at least 999."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """The changes of one profile, oldest first, each with the fingerprint of its row."""

    parts: tuple[Change, ...]
    rows: tuple[bytes, ...]

    @property
    def change(self) -> Change:
        """All of them as one, by the place of the last."""
        if len(self.parts) == 1:
            return self.parts[0]
        whole = PendingChange(self.parts[0], [])
        for part in self.parts[1:]:
            whole.absorb(part)
        found, last = whole.change, self.parts[-1]
        links = _laid_together(self.parts)
        if links or found.position != last.position:
            return replace(found, relationships=links, position=last.position)
        return found

    @property
    def planned(self) -> list[PendingChange]:
        """What a push would send of them, in order."""
        window = Window(len(self.parts))
        for part in self.parts:
            window.add(part)
        return list(window.drain())


class Gathered:
    """Changes by profile; each is taken once. The file has no name, and is gone when the process is."""

    def __init__(self) -> None:
        self.left = 0
        """How many profiles are left."""
        self.records = 0
        """How many changes those have."""
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("pragma journal_mode = memory")  # what finds no room is taken back as a whole
        self._database.execute("pragma synchronous = off")
        self._database.execute(
            "create table gathered (number integer primary key, profile blob unique, kept blob)"
        )

    def add(self, profiles: Sequence[bytes], changes: Sequence[Change], rows: Sequence[bytes]) -> None:
        """Put changes beside those of their ``profiles`` that are there, with the fingerprints of their rows.

        Raises:
            OutputFailed: there is no room for more.
        """
        new: dict[bytes, list[_Kept]] = {}
        for profile, change, row in zip(profiles, changes, rows, strict=True):
            new.setdefault(profile, []).append((_OF_CHANGE(change), row))
        try:
            known = {profile: kept for _, profile, kept in self._rows(list(new))}
            self._database.execute("begin")
            self._database.executemany(
                "insert into gathered (profile, kept) values (?, ?) "
                "on conflict (profile) do update set kept = excluded.kept",
                [
                    (profile, pickle.dumps(_laid_behind(known.get(profile), parts), 5))
                    for profile, parts in new.items()
                ],
            )
            self._database.execute("commit")
        except sqlite3.Error:
            self._take_back()
            raise OutputFailed(
                f"the temporary file of the audit cannot be written: make room in {gettempdir()}, or set "
                "SQLITE_TMPDIR"
            ) from None
        self.left += len(new) - len(known)
        self.records += len(changes)

    def _take_back(self) -> None:
        """Undo what was begun, unless the database has done so itself."""
        if self._database.in_transaction:
            with suppress(sqlite3.Error):
                self._database.execute("rollback")

    def take(self, profiles: Iterable[bytes]) -> dict[bytes, Gathering]:
        """Take what is there of these profiles, by their names."""
        found = list(self._rows(list(profiles)))
        self._forget([number for number, _, _ in found])
        return {profile: self._taken(kept) for _, profile, kept in found}

    def take_next(self, most: int) -> list[Gathering]:
        """Take those that came first."""
        query = "select number, kept from gathered order by number limit ?"
        found = self._database.execute(query, (most,)).fetchall()
        self._forget([number for number, _ in found])
        return [self._taken(kept) for _, kept in found]

    def _rows(self, profiles: Sequence[bytes]) -> Iterator[tuple[int, bytes, bytes]]:
        for start in range(0, len(profiles), _ASKED_AT_ONCE):
            asked = profiles[start : start + _ASKED_AT_ONCE]
            marks = ", ".join("?" * len(asked))
            query = f"select number, profile, kept from gathered where profile in ({marks})"
            yield from self._database.execute(query, asked)

    def _taken(self, kept: bytes) -> Gathering:
        found = _gathering(kept)
        self.records -= len(found.parts)
        return found

    def _forget(self, numbers: Sequence[int]) -> None:
        self._database.execute("begin")
        try:
            for start in range(0, len(numbers), _ASKED_AT_ONCE):
                asked = numbers[start : start + _ASKED_AT_ONCE]
                marks = ", ".join("?" * len(asked))
                self._database.execute(f"delete from gathered where number in ({marks})", asked)
            self._database.execute("commit")
        except sqlite3.Error:
            self._take_back()
            raise
        self.left -= len(numbers)

    def close(self) -> None:
        """Forget everything."""
        self._database.close()


def _laid_behind(kept: bytes | None, parts: list[_Kept]) -> list[_Kept]:
    return parts if kept is None else [*pickle.loads(kept), *parts]


def profile_name(key_type: str, profile: str) -> bytes:
    """Return under which name a profile is gathered."""
    return f"{key_type}\0{profile}".encode("utf-8", "surrogatepass")


def _gathering(kept: bytes) -> Gathering:
    found = pickle.loads(kept)  # written by this process, readable by nobody else
    if len(found) == 1:  # as nearly always
        ((change, row),) = found
        return Gathering((Change(*change),), (row,))
    return Gathering(tuple([Change(*change) for change, _ in found]), tuple([row for _, row in found]))


def _laid_together(parts: Sequence[Change]) -> dict[str, dict[str, Any]]:
    """Return the operations on relationships that leave what those of all changes do, one after the other."""
    found: dict[str, dict[str, Any]] = {}
    for part in parts:
        for name, operations in part.relationships.items():
            found[name] = _laid_behind_links(found.get(name), operations)
    return found


def _laid_behind_links(before: Mapping[str, Any] | None, later: Mapping[str, Any]) -> dict[str, Any]:
    if before is None or "replace" in later:
        return dict(later)
    added, removed = _ids(later.get("add")), _ids(later.get("remove"))
    if "replace" in before:
        left = [one for one in _ids(before["replace"]) if one not in removed]
        return {"replace": list(dict.fromkeys([*left, *added])) or None}
    return {
        "add": list(dict.fromkeys([*(one for one in _ids(before.get("add")) if one not in removed), *added])),
        "remove": list(
            dict.fromkeys([*(one for one in _ids(before.get("remove")) if one not in added), *removed])
        ),
    }


def _ids(targets: Any) -> list[Any]:
    return [targets] if isinstance(targets, str) else list(targets or ())
