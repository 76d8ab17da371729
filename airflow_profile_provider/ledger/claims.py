"""Changes on their way to the vendor: what the ledger says of their keys is about to be untrue."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from airflow_profile_provider.ledger.diff import Candidate, profile_of
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.records import Change


@dataclass(slots=True)
class Sent:
    """A change on its way: the ledger's entry of its key, and the fingerprints of its row and of it.

    ``since`` is when it was taken to be sent, as the ledger counts time.
    """

    since: int
    entry: Entry
    row: bytes
    whole: str


class Claims:
    """The changes on their way, and the entries of their keys, each key's one and the same."""

    def __init__(self) -> None:
        self._sent: dict[int, Sent] = {}
        self._entries: dict[str, tuple[Entry, int]] = {}

    def __contains__(self, key: object) -> bool:
        """Whether a change of a key is on its way."""
        return key in self._entries

    def keys(self) -> set[str]:
        """Return the keys of which a change is on its way."""
        return set(self._entries)

    def entry(self, key: str) -> Entry | None:
        """Return the entry of a key of which a change is on its way."""
        found = self._entries.get(key)
        return found[0] if found else None

    def add(self, change: Change, found: Candidate, entry: Entry, since: int) -> None:
        """Note that a change, all of a candidate or a part of it, is on its way."""
        _, number = self._entries.get(found.key, (entry, 0))
        self._entries[found.key] = (entry, number + 1)
        self._sent[change.position] = Sent(since, entry, found.row, found.whole)

    def of(self, position: int) -> Sent | None:
        """Return what is known of the change at a position that is on its way."""
        return self._sent.get(position)

    def remove(self, change: Change) -> None:
        """Note that a change has arrived, or never will."""
        if self._sent.pop(change.position, None) is None:
            return
        key = profile_of(change)
        entry, number = self._entries[key]
        if number > 1:
            self._entries[key] = (entry, number - 1)
        else:
            del self._entries[key]
            entry.claim = None

    def clear(self) -> list[Entry]:
        """Note that nothing is on its way any more; return the entries of what was."""
        entries = [sent.entry for sent in self._sent.values()]
        self._sent.clear()
        self._entries.clear()
        return entries


class Proposed:
    """Keys of which a change was proposed, by their hashes alone: there may be as many as the source has."""

    def __init__(self) -> None:
        self._found: set[int] = set()

    def __contains__(self, key: object) -> bool:
        """Whether a change of a key was proposed."""
        return hash(key) in self._found

    def add(self, key: str) -> None:
        """Note that a change of a key was proposed."""
        self._found.add(hash(key))


class Either:
    """The keys that are in one of two containers."""

    def __init__(self, one: Container[str], other: Container[str]) -> None:
        self._one = one
        self._other = other

    def __contains__(self, key: object) -> bool:
        """Whether a key is in one of them."""
        return key in self._one or key in self._other
