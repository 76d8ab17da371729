"""Compares the keys of a source with those that the ledger knows as delivered by its push."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.scopes import Member, Scope


class Left(NamedTuple):
    """A key that is gone: as the ledger keeps it, as it is spelled, and whether that was noticed before."""

    key: str
    spelled: str
    noted: bool


class KeysRead:
    """The keys of a source, in a private file, so that memory does not grow with them."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # a temporary file of its own, once it does not fit into memory
        self._database.execute("create table keys (key text, spelled text)")
        self.number = 0

    def add(self, keys: Sequence[str], spelled: Sequence[str]) -> None:
        """Note keys, and how the source spells them."""
        self.number += len(keys)
        pairs = zip(keys, spelled, strict=True)
        self._database.executemany(
            "insert into keys values (?, ?)", [(key, None if key == text else text) for key, text in pairs]
        )

    def sort(self) -> None:
        """Prepare for questions; one sort of all costs less than an index that grows with them."""
        self._database.execute("create index of_keys on keys (key, spelled)")

    def among(self, keys: Sequence[str]) -> dict[str, str | None]:
        """Return those of some keys that the source has, and how it spells them."""
        query = "select keys.key, spelled from json_each(?) as asked join keys on keys.key = asked.value"
        return dict(self._database.execute(query, (json.dumps(keys),)))

    def close(self) -> None:
        """Forget the keys."""
        self._database.close()


class Members:
    """The keys of a ledger that this push delivered, read in their order; with the lease of its target."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.number = 0
        """How many there were."""
        self.left_to: dict[str, int] = {}
        """How many keys are gone here and left to other scopes, which have them, by name."""

    def absent(self, read: KeysRead, *, is_own: Callable[[str], bool], write: bool) -> Iterator[Left]:
        """Yield the keys that a whole source no longer has.

        The keys that it has are added to this push's scope, where they are not of it, and are no longer
        absent. One that another push is sending at the moment is passed over, and so is one that the source
        of another watched scope has. ``is_own`` says which keys are this task's share: of others, nothing is
        written.
        """
        scope = self._ledger.scope
        if scope is None:
            return
        read.sort()
        others = self._ledger.watched(note=write)
        busy = self._ledger.others_at_work()
        after = ""
        while page := self._ledger.members(after):
            after = page[-1].key
            found = read.among([member.key for member in page])
            shared = []
            for member in page:
                if not (member.has(scope.token) or member.has(scope.gone)):
                    continue
                self.number += 1
                if member.key in found or (busy and member.doubt < 0):
                    continue
                if other := next((one for one in others if member.has(one.token)), None):
                    self.left_to[other.name] = self.left_to.get(other.name, 0) + 1
                    shared.append(member)
                    continue
                yield Left(member.key, member.spelled or member.key, noted=bool(member.absent))
            if write:
                self._adopt(page, found, scope, is_own)
                gone = [one.key for one in shared if one.has(scope.token) and is_own(one.key)]
                self._ledger.part(gone)

    def _adopt(
        self,
        page: Sequence[Member],
        found: dict[str, str | None],
        scope: Scope,
        is_own: Callable[[str], bool],
    ) -> None:
        """Write down of which keys this push's source is known to have them, if it is not written already."""
        new = {
            member.key: found[member.key]
            for member in page
            if member.key in found and (member.absent or not member.has(scope.token)) and is_own(member.key)
        }
        self._ledger.adopt(new)

    def note(self, keys: Sequence[str], *, doubted: bool) -> None:
        """Write down that keys are absent; ``doubted``: what comes back of them is to be sent whole."""
        self._ledger.note_absent(keys, doubted=doubted)
