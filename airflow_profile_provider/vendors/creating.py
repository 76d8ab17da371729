"""Vendors whose API documents how a profile is made: who may be made, and by which keys."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Collection, Mapping
from typing import Any, Literal, get_args

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Change, is_leaver
from airflow_profile_provider.values import same
from airflow_profile_provider.vendors.base import Vendor
from airflow_profile_provider.vendors.exchange import Steps

Mode = Literal["update", "upsert", "create"]
CREATE_ATTEMPTS = 3
"""How often one profile's create is sent, each time but the first after a question whether it is there."""


class HasMode(Vendor):
    """A vendor with a ``mode``: "update", "upsert", which makes what is missing, or "create"."""

    mode: Mode = "update"

    def choose_mode(self, mode: Mode) -> None:
        """Take a mode; raises ConfigurationError where there is no such."""
        self.mode = require_choice("mode", mode, get_args(Mode))
        self.makes_missing = self.mode == "upsert"

    def mode_for(self, change: Change) -> Mode:
        """Return the mode of one change: whoever left the source is never made."""
        return "update" if is_leaver(change.position) else self.mode


class CreatesFound(HasMode):
    """A vendor that makes up all identifiers itself: a profile is made where ``match`` finds none."""

    def check_match(self, match: Mapping[str, str] | None) -> None:
        """Refuse to make profiles that could never be found again."""
        if self.mode != "update" and not match:
            raise ConfigurationError(
                f'mode="{self.mode}" creates {self.resource}, and {self.name} itself assigns each '
                f"{' and '.join(self.key_types)}: give your own keys, and a field by which each profile is "
                f'found (match={{"{next(iter(self.matchable))}": "column"}})'
            )

    def new_fields(self, change: Change) -> dict[str, Any]:
        """Return the fields of a profile that is to be made, with the value by which it is found again.

        Raises:
            InvalidRecord: a profile cannot be made of this change.
        """
        fields = filled(change.fields)
        if change.sought and change.sought.by not in fields:
            fields[change.sought.by] = self.as_sought(change.sought.by, change.sought.value)
        return fields

    def as_sought(self, name: str, value: str | None) -> Any:
        """Return the value by which a profile is found as the field takes it."""
        return value

    @abstractmethod
    def make(self, change: Change) -> Steps:
        """Yield the requests that make a profile, once; the acknowledgement has its key.

        Raises:
            RecordRefused, Retriable, PushStopped: as for `steps`.
        """


class Creates(HasMode):
    """A vendor that makes profiles by a key that people give, and never by one that it makes up itself."""

    def check_match(self, match: Mapping[str, str] | None) -> None:
        """Refuse to make profiles by a field that is no key of theirs."""
        if self.mode != "update" and match:
            raise ConfigurationError(
                f'mode="{self.mode}" creates {self.resource} of {self.name} by their key: '
                f"leave match out and use key_type={self._own_keys()}"
            )

    def _own_keys(self) -> str:
        return " or ".join(f'"{kind}"' for kind in self.usable_key_types if kind not in self.vendor_keys)

    def check_key_type(self, key_type: str) -> None:
        """Refuse to make profiles by an id that only the vendor can give."""
        super().check_key_type(key_type)
        if self.mode != "update" and key_type in self.vendor_keys:
            what = f"{self.resource}, and {self.name} itself assigns each {key_type}"
            raise ConfigurationError(f'mode="{self.mode}" creates {what}: use key_type={self._own_keys()}')

    def check_change(self, change: Change) -> None:
        """Refuse what a profile cannot be made of."""
        super().check_change(change)
        if self.mode == "update":
            return
        try:
            self.check_key_type(change.key_type)
        except ConfigurationError as error:
            raise InvalidRecord(str(error)) from None
        own = change.fields.get(change.key_type)
        if own is not None and not same(own, change.key):
            raise InvalidRecord(
                f'field {change.key_type}: is the record\'s own key; with mode="{self.mode}" it cannot be '
                "changed, for the next push would make the old one again"
            )

    def checks_names_alone(self, names: Collection[str], key_type: str) -> bool:
        """Whether the key is not among the fields, where profiles are made."""
        return self.mode == "update" or key_type not in names


def filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that hold something: a profile that is new is empty elsewhere."""
    return {name: value for name, value in fields.items() if value not in (None, "")}
