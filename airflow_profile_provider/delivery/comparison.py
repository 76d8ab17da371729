"""Holds what a vendor has of a profile against what a change says, field by field."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from airflow_profile_provider.delivery.settled import Looked, WasAnswered, never_answered
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Change, link_name
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.comparing import is_empty
from airflow_profile_provider.vendors.exchange import Held

_SAME = Looked()


class Comparison:
    """What is compared, and when two values are one.

    ``was_answered`` says of a change's field that the vendor once acknowledged its value with another one.
    """

    def __init__(
        self,
        vendor: Vendor,
        mapper: Mapper,
        was_answered: WasAnswered = never_answered,
    ) -> None:
        self._vendor = vendor
        self._mapper = mapper
        self._was_answered = was_answered
        self._unreadable: dict[str, bool] = {}
        self.lacked_links = False
        """Whether a profile was shown without the relationships of its change."""

    def readable(self, fields: Collection[str]) -> list[str]:
        """Return those of the fields that the vendor gives back."""
        if not self._unreadable.keys() >= set(fields):
            never = self._vendor.unreadable(fields)
            self._unreadable |= {name: name in never for name in fields}
        return [name for name in fields if not self._unreadable[name]]

    def of(self, change: Change, held: Held) -> Looked:
        """Compare a change with what the vendor holds of its profile."""
        catalogue, same = self._mapper.catalogue, self._vendor.same
        shown = held.fields
        differing: dict[str, Any] = {}
        unseen: list[str] = []
        for name, sent in change.fields.items():
            if name not in shown:
                unseen.append(name)
            elif name in change.if_empty and not is_empty(shown[name]):
                continue  # what the vendor holds there stands, whatever it is
            elif not (
                same(name, sent, shown[name], catalogue) or self._was_answered(change, name, shown[name])
            ):
                differing[name] = shown[name]
        if change.relationships:
            self._link(change, held, differing, unseen)
        if not differing and not unseen:
            return _SAME
        return Looked(differing, frozenset(unseen))

    def _link(self, change: Change, held: Held, differing: dict[str, Any], unseen: list[str]) -> None:
        """Compare the relationships of a change, too."""
        for name, operations in change.relationships.items():
            ids = None if held.relationships is None else held.relationships.get(name, ())
            if ids is None:
                unseen.append(link_name(name))
                self.lacked_links = True
            elif not self._vendor.same_links(operations, ids):
                differing[link_name(name)] = list(ids)
