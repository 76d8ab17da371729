"""Compares the keys of a source with those that the ledger knows as delivered by its push."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.ledger.scopes import Member
from airflow_profile_provider.private_files import PrivateDatabase


class Left(NamedTuple):
    """A key that is gone: as the ledger keeps it, as it is spelled, and whether that was noticed before."""

    key: str
    spelled: str
    noted: bool


class KeysRead:
    """The keys of a source, in a private file, so that memory does not grow with them."""

    def __init__(self) -> None:
        self._database = PrivateDatabase("source's keys", SourceError)
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
            after = page[-1][0]
            found = read.among([key for key, *_ in page])
            # Nearly all are here, as ever; only of the others more is asked.
            odd = [Member(*row) for row in page if row[0] not in found or _is_odd(row, scope.token)]
            self.number += len(page) - len(odd)
            shared = []
            for member in odd:
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
                new = {one.key: found[one.key] for one in odd if one.key in found and is_own(one.key)}
                self._ledger.adopt(new)
                gone = [one.key for one in shared if one.has(scope.token) and is_own(one.key)]
                self._ledger.part(gone)

    def note(self, keys: Sequence[str], *, doubted: bool) -> None:
        """Write down that keys are absent; ``doubted``: what comes back of them is to be sent whole."""
        self._ledger.note_absent(keys, doubted=doubted)


def _is_odd(row: Sequence[Any], token: str) -> bool:
    """Whether a member's row is not that of a key which its scope has, as ever."""
    _, scopes, _, absent, _ = row
    return bool(absent) or scopes is None or token not in scopes
