"""One vendor in the sandbox, a hook that points at it, and what a test asks of both."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from typing import Any

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.sandbox import Sandbox
from airflow_profile_provider.vendors.base import Vendor

HOOKS: dict[str, str] = {
    entry["connection-type"]: entry["hook-class-name"] for entry in get_provider_info()["connection-types"]
}
"""Connection type to hook, as the provider registers them."""


def hook_class(vendor: str) -> type[ProfileHook]:
    """The registered hook of a vendor."""
    module, name = HOOKS[vendor].rsplit(".", 1)
    found: type[ProfileHook] = getattr(import_module(module), name)
    return found


ISSUES_TOKENS = [
    name for name in sorted(HOOKS) if hook_class(name).vendor_class.token_request is not Vendor.token_request
]
"""The vendors that issue tokens at run time."""
_LEARNT: dict[str, dict[str, Any]] = {}


@dataclass
class Rig:
    """A vendor under test. ``setenv`` sets a variable of the environment until the test is over."""

    vendor: str
    sandbox: Sandbox
    setenv: Callable[[str, str], None] = field(repr=False)

    def __post_init__(self) -> None:
        self.connect()

    # -- the package ------------------------------------------------------------------------------------

    @cached_property
    def hook_class(self) -> type[ProfileHook]:
        """The registered hook."""
        return hook_class(self.vendor)

    @property
    def hook(self) -> ProfileHook:
        """A new hook on the default connection."""
        return self.hook_class(self.hook_class.default_conn_name)

    @property
    def connection(self) -> dict[str, Any]:
        """The default connection that points at the sandbox."""
        return dict(self.sandbox.connections()[self.hook_class.default_conn_name])

    def connect(self, host: str | None = None, **extra: Any) -> None:
        """Set the default connection, to ``host`` if need be; the quota is lifted unless it is given."""
        connection = self.connection | {"extra": {"quota": "none", **extra}}
        if host:
            connection |= {"host": host, "port": None}
        self.setenv(f"AIRFLOW_CONN_{self.hook_class.default_conn_name.upper()}", json.dumps(connection))

    @property
    def batch_limit(self) -> int:
        """Most records in one request."""
        return self.hook_class.vendor_class.batch_limit

    # -- the vendor -------------------------------------------------------------------------------------

    def all_keys(self) -> list[str]:
        """The keys of all profiles."""
        return list(self.sandbox.profiles(self.vendor))

    @cached_property
    def nobody(self) -> str:
        """A key in the vendor's own shape that no profile has."""
        keys = self.all_keys()
        is_vendor_key = (f"{keys[0][:-4]}{ending}" for ending in range(9876, 9999))
        return next(key for key in is_vendor_key if key not in keys)

    @property
    def texts(self) -> list[str]:
        """The fields that hold text in every profile, need not be unique and take any words."""
        return self._learnt["texts"]

    @property
    def _learnt(self) -> dict[str, Any]:
        """What a few pushes without troubles tell of the vendor; the sandbox starts over after them."""
        if self.vendor not in _LEARNT:
            found = self._learn()
            self.sandbox.reset()
            _LEARNT[self.vendor] = found
        return _LEARNT[self.vendor]

    def _learn(self) -> dict[str, Any]:
        known = self.hook_class.vendor_class.fields
        key, before = next(iter(self.sandbox.profiles(self.vendor).items()))
        profiles = self.sandbox.profiles(self.vendor).values()
        texts = [
            name
            for name in before
            if all(isinstance(profile.get(name), str) for profile in profiles)
            and not (known.get(name) and known[name].choices)
            and "mail" not in name.lower()
            and name not in {"discord", *self.hook_class.vendor_class.key_types}
            and self._takes(key, name)
        ]
        self._takes(key, texts[0], "other words")  # what is there already need not be written
        return {"texts": texts, "write": self.log()[-1]}

    def _takes(self, key: str, name: str, words: str = "any words") -> bool:
        return bool(self.hook.push([{"key": key, "fields": {name: words}}]).pushed)

    @property
    def field(self) -> str:
        """The first field that takes any words."""
        return self.texts[0]

    def change(self, key: str, value: Any) -> dict[str, Any]:
        """A change of that field."""
        return {"key": key, "fields": {self.field: value}}

    def held(self, name: str | None = None) -> dict[str, Any]:
        """What the vendor holds in a field, by key; nothing is None, however the vendor writes it."""
        wanted = name or self.field
        return {key: fields.get(wanted) or None for key, fields in self.sandbox.profiles(self.vendor).items()}

    @property
    def arrived(self) -> int:
        """How many requests reached the vendor, tokens and reads included."""
        return int(self.sandbox.requests(self.vendor, last=0)["total"])

    def log(self) -> list[Mapping[str, Any]]:
        """The requests that reached the vendor, in the order of their arrival, once all are answered."""
        while True:
            found = self.sandbox.requests(self.vendor)
            if len(found["log"]) == found["total"]:
                return sorted(found["log"], key=lambda entry: float(entry["at"]))
            time.sleep(0.02)

    @property
    def write_method(self) -> str:
        """The method of the vendor's update."""
        return str(self._learnt["write"]["method"])

    @property
    def answers_without_body(self) -> bool:
        """Whether the vendor acknowledges with a 204."""
        return bool(self._learnt["write"]["status"] == 204)

    def fault(self, kind: str, **match: Any) -> None:
        """Let a fault strike this vendor alone."""
        self.sandbox.faults(self.vendor, kind, **match)

    def fault_of_writes(self, key: str, kind: str, **match: Any) -> None:
        """Let a fault strike the updates of one profile."""
        self.fault(kind, key=key, method=self.write_method, **match)
