"""The queue between mapping and sending: changes that wait, those of one key coalesced."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count

from airflow_profile_provider.records import Change, Sought, order_of


@dataclass(slots=True)
class PendingChange:
    """A change to send, and the changes of the source that it stands for, oldest first."""

    change: Change
    parts: list[Change]
    tried: int = 0
    """How many of them, the first ones, were sent before and got no answer."""
    filled: frozenset[str] = frozenset()
    """The fields that are not set, because the vendor holds something there."""

    @property
    def identity(self) -> tuple[str, str]:
        """What names the profile."""
        return self.change.identity

    def absorb(self, later: Change) -> None:
        """Take in a later change of the same key: its fields win, other fields stay."""
        self.parts.append(later)
        older, newer = self.change, later
        if is_older(later, self.change):
            older, newer = later, self.change
        fields = {**older.fields, **newer.fields}
        both = replace(newer, fields=fields, sought=_sought_of_both(older, newer))
        self.change = replace(both, whole=_whole_of_both(older, newer))


def is_older(change: Change, other: Change) -> bool:
    """Whether both are versioned and change's version comes first."""
    first, second = order_of(change.version), order_of(other.version)
    return first is not None and second is not None and first[0] == second[0] and first[1] < second[1]


def _sought_of_both(older: Change, newer: Change) -> Sought | None:
    """Return what is known of the profile that two changes of one key are for."""
    before, now = older.sought, newer.sought
    if before is None or now is None:
        return now
    found = before.found if before.moved else now.found or before.found
    return replace(now, found=found, moved=before.moved or now.moved)


def _whole_of_both(older: Change, newer: Change) -> Change | None:
    """Return all of two changes of one key, where either is a part."""
    if older.whole is None and newer.whole is None:
        return None
    before, now = older.entire, newer.entire
    relationships = {**before.relationships, **now.relationships}
    return replace(now, fields={**before.fields, **now.fields}, relationships=relationships)


class Window:
    """Changes that wait to be sent, in order, bounded; changes of one key are coalesced.

    Changes with relationships are never coalesced: their operations depend on what came before. Nor are those
    of two spellings of a key, which may be two profiles; but they keep their order, for they may be one.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._serial = count()
        self._waiting: OrderedDict[int, PendingChange] = OrderedDict()
        self._newest: dict[tuple[str, str], PendingChange] = {}

    def __len__(self) -> int:
        """Return how many changes wait; coalesced ones count once."""
        return len(self._waiting)

    def __contains__(self, identity: tuple[str, str]) -> bool:
        """Whether a change of this profile waits."""
        return identity in self._newest

    @property
    def full(self) -> bool:
        """Whether something must be taken before more is added."""
        return self._held >= self._size

    def add(self, change: Change) -> None:
        """Put a change at the end, or into the one of the same key that still waits."""
        self._held += 1
        waiting = self._newest.get(change.identity)
        planned = PendingChange(change, [change])
        if waiting is not None and not waiting.change.relationships and not change.relationships:
            if waiting.change.key == change.key:
                waiting.absorb(change)
                return
            if is_older(change, waiting.change):
                self._put_before(waiting, planned)
                return
        self._waiting[next(self._serial)] = planned
        self._newest[change.identity] = planned

    def _put_before(self, waiting: PendingChange, older: PendingChange) -> None:
        """Let a change of an older version go ahead of one that waits."""
        serial = next(serial for serial, planned in self._waiting.items() if planned is waiting)
        self._waiting[serial] = older
        self._waiting[next(self._serial)] = waiting

    def put_back(self, failed: PendingChange) -> None:
        """Put a change that failed in again, before a later one of its key is added."""
        failed.tried = len(failed.parts)
        self._held += len(failed.parts)
        self._waiting[next(self._serial)] = failed
        self._newest[failed.identity] = failed

    def join(self, failed: PendingChange) -> bool:
        """Lay a later change of the key, if one waits, over a change that failed; False where none does."""
        later = self._newest.get(failed.identity)
        if later is None or later.change.relationships or later.change.key != failed.change.key:
            return False
        failed.absorb(later.change)
        later.parts[:0] = failed.parts[:-1]
        later.change = failed.change
        later.tried = len(failed.parts) - 1
        self._held += len(failed.parts) - 1
        return True

    def take(self, size: int, busy: Collection[tuple[str, str]]) -> list[PendingChange]:
        """Take up to size changes from the front, each of another key, and of none that is busy."""
        chosen: dict[tuple[str, str], int] = {}
        passed: set[tuple[str, str]] = set()
        for serial, planned in self._waiting.items():
            identity = planned.identity
            if identity in busy or identity in chosen or identity in passed:
                passed.add(identity)
                continue
            chosen[identity] = serial
            if len(chosen) == size:
                break
        return [self._remove(serial) for serial in chosen.values()]

    def _remove(self, serial: int) -> PendingChange:
        planned = self._waiting.pop(serial)
        self._held -= len(planned.parts)
        if self._newest.get(planned.identity) is planned:
            del self._newest[planned.identity]
        return planned

    def drain(self) -> Iterator[PendingChange]:
        """Take everything that is left."""
        while self._waiting:
            yield self._remove(next(iter(self._waiting)))
