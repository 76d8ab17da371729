"""From somebody's own key to the vendor's: who is meant is found by a field, once, and remembered.

A profile that the vendor no longer knows is forgotten. Two keys never come to mean one profile: whoever comes
second is refused, because nobody can say whose rows are right.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from threading import Lock
from typing import Protocol

from airflow_profile_provider.delivery.transport import Transport
from airflow_profile_provider.errors import InvalidRecord, ProfileError, PushStopped, RecordRefused, Unmatched
from airflow_profile_provider.records import Change, Sought, is_leaver
from airflow_profile_provider.values import folded
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.creating import CreatesFound

_MAY_BE_GONE = frozenset({200, 400, 404, 410})
"""With which statuses vendors say that they know no such profile, whatever else they say with them."""


class Ids(Protocol):
    """What is remembered: the vendor's keys, by the own ones. See `ledger.ids`."""

    def of(self, keys: Collection[str]) -> dict[str, str]:
        """Return which of the keys are known to mean a profile, and which one."""

    def remember(self, key: str, found: str) -> str:
        """Remember one; return the profile that the key means. Raises Unmatched: another key means it."""

    def forget(self, key: str, found: str) -> None:
        """Forget one, and what the vendor acknowledged of it."""


class Matching:
    """Finds the vendor's profiles of changes whose keys the vendor does not know; from any thread.

    ``key_type`` is which of the vendor's identifiers is remembered of a profile, and sent. With ``makes``,
    profiles are made where there are none and the vendor's mode says so.
    """

    def __init__(
        self, vendor: Vendor, transport: Transport, key_type: str, ids: Ids, *, makes: bool = True
    ) -> None:
        self._vendor = vendor
        may_make = makes and isinstance(vendor, CreatesFound) and vendor.mode != "update"
        self._maker = vendor if may_make and isinstance(vendor, CreatesFound) else None
        self._making: dict[str, str] = {}
        self._lock = Lock()
        self._transport = transport
        self._key_type = key_type
        self._ids = ids

    def resolve(self, changes: Iterable[Change]) -> Iterator[tuple[Change, ProfileError | None]]:
        """Yield changes as the vendor takes them, each with why it cannot be one, if so; see `found`.

        Raises:
            PushStopped: nothing can get through.
        """
        for change in changes:
            try:
                yield self.addressed(self.found(change)), None
            except PushStopped:
                raise
            except ProfileError as error:
                yield change, error

    def found(self, change: Change) -> Change:
        """Return a change with the vendor's key in ``sought``: as it is remembered, or found now.

        Raises:
            Unmatched: there is no such profile, or several, or another key means it.
            InvalidRecord: there is nothing to look for, or nothing that can be looked for.
            VendorError: the vendor does not say who it is.
            PushStopped: nothing can get through.
        """
        sought = change.sought
        if sought is None:
            return change
        if sought.found:
            return self._may_be_changed(change)
        key = change.profile or change.key
        if not (known := self._ids.of([key]).get(key)):
            if (looked := self._looked_up(change, sought)) is None:
                return self._to_make(change.entire, sought)
            known = self._ids.remember(key, looked)
        return self._may_be_changed(replace(change, sought=replace(sought, found=known, missing=False)))

    def _may_be_changed(self, change: Change) -> Change:
        """Return a change of a profile that is there; an earlier try may have made it."""
        if self._maker and self._maker.mode_for(change) == "create" and not change.perhaps_sent:
            raise Unmatched('has a profile already; to change it, use mode="upsert"')
        return change

    def made(self, change: Change, found: str) -> None:
        """Remember a profile that was made for a change.

        Raises:
            Unmatched: another key means it.
            PushStopped: it cannot be written down.
        """
        self._ids.remember(change.profile or change.key, found)

    def _to_make(self, change: Change, sought: Sought) -> Change:
        """Return a change that makes a profile; one of two that would make the same is refused.

        Raises:
            Unmatched: another key of this push makes it.
            InvalidRecord: no profile can be made of it.
        """
        assert self._maker is not None
        self._maker.new_fields(change)
        key = change.profile or change.key
        with self._lock:
            first = self._making.setdefault(folded(str(sought.value), number=False), key)
        if first != key:
            raise Unmatched(
                f"another key of this push makes a profile with this {sought.by}: the person is twice in the "
                "source, or one of them is somebody else"
            )
        return replace(change, sought=replace(sought, missing=True))

    def addressed(self, change: Change) -> Change:
        """Return a change that was found as the vendor takes it, by the vendor's key."""
        return addressed(change, self._key_type)

    def is_gone(self, change: Change, refused: RecordRefused) -> bool:
        """Whether a change was refused because its profile is there no longer; then it is forgotten.

        The vendor is asked, for none of its words for a refusal say so for sure; where it does not show
        whether the profile is there, its words count.

        Raises:
            VendorError, PushStopped: nothing can be known now.
        """
        sought = change.sought
        if sought is None or not sought.found or refused.status not in _MAY_BE_GONE:
            return False
        shown = self._is_shown(sought.found)
        if shown or (shown is None and not refused.nobody):
            return False
        self.forget(change)
        return True

    def _is_shown(self, key: str) -> bool | None:
        """Whether the vendor has a profile of its own key; None where it does not show that."""
        if not self._vendor.read_batch:
            return None
        try:
            found = self._transport.drive(self._vendor.read([key], self._key_type, ()))
        except RecordRefused:
            return None
        return found[key] is not None

    def forget(self, change: Change) -> None:
        """Forget which profile a change is for: it is gone."""
        if change.sought and change.sought.found:
            self._ids.forget(change.profile or change.key, change.sought.found)

    def _looked_up(self, change: Change, sought: Sought) -> str | None:
        """Ask the vendor whose value this is; None where it is nobody's, and a profile may be made."""
        if sought.value is None and is_leaver(change.position):
            raise Unmatched(f"{self._vendor.name} no longer has the profile that it had")
        try:
            return looked_up(sought, self._key_type, self._vendor, self._transport)
        except Unmatched as error:
            if error.nobody and self._maker and self._maker.mode_for(change) != "update":
                return None
            raise


def looked_up(sought: Sought, key_type: str, vendor: Vendor, transport: Transport) -> str:
    """Ask the vendor whose value this is; return its key of that profile, of this type.

    Raises:
        Unmatched, InvalidRecord, VendorError, PushStopped: as for `Matching.found`.
    """
    if sought.value is None:
        raise InvalidRecord(f"has no {sought.by} by which its profile could be found; give one")
    found = transport.drive(vendor.find(sought.by, sought.value, key_type))
    keys = {held.key for held in found}
    if len(keys) != 1:
        how = f"matches {len(keys)} profiles" if keys else "no profile matches"
        unmatched = Unmatched(f"{how}, by {sought.by}")
        unmatched.nobody = not keys
        raise unmatched
    return keys.pop()


def addressed(change: Change, key_type: str) -> Change:
    """Return a change by the vendor's key of its profile, as this identifier, where that was found."""
    if change.sought is None or not change.sought.found:
        return change
    return replace(change, key=change.sought.found, key_type=key_type, profile="", sought=None)


def to_be_found_anew(change: Change) -> Change:
    """Return a change whose profile is gone: all of it is for the one that is found now."""
    sought = change.sought
    if sought is None:
        return change
    return replace(change.entire, sought=replace(sought, found="", moved=True))
