"""Vendors whose API documents how a profile is made: who may be made, and by which keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from airflow_profile_provider.errors import ConfigurationError, InvalidRecord
from airflow_profile_provider.options import require_choice
from airflow_profile_provider.records import Change
from airflow_profile_provider.values import same
from airflow_profile_provider.vendors.base import Vendor

Mode = Literal["update", "upsert", "create"]
CREATE_ATTEMPTS = 3
"""How often one profile's create is sent, each time but the first after a question whether it is there."""


class Creates(Vendor):
    """A vendor with a ``mode``: "update", "upsert", which makes what is missing, or "create".

    Nobody can be made by an identifier that the vendor makes up itself.
    """

    mode: Mode = "update"

    def choose_mode(self, mode: Mode) -> None:
        """Take a mode; raises ConfigurationError where there is no such."""
        self.mode = require_choice("mode", mode, get_args(Mode))
        self.makes_missing = self.mode == "upsert"

    def check_key_type(self, key_type: str) -> None:
        """Refuse to make profiles by an id that only the vendor can give."""
        super().check_key_type(key_type)
        if self.mode != "update" and key_type in self.vendor_keys:
            what = f"{self.resource}, and {self.name} itself assigns each {key_type}"
            own = [f'"{kind}"' for kind in self.usable_key_types if kind not in self.vendor_keys]
            raise ConfigurationError(f'mode="{self.mode}" creates {what}: use key_type={" or ".join(own)}')

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


def filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that hold something: a profile that is new is empty elsewhere."""
    return {name: value for name, value in fields.items() if value not in (None, "")}
