"""A sandbox with all five vendors, and one bench for each vendor that the provider registers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import pytest

from airflow_profile_provider.get_provider_info import get_provider_info
from airflow_profile_provider.hooks.base import ProfileHook
from airflow_profile_provider.sandbox import Sandbox, serve
from airflow_profile_provider.transport import RetryRule

HOOKS = {
    entry["connection-type"]: entry["hook-class-name"] for entry in get_provider_info()["connection-types"]
}
PROFILES = 40


@dataclass
class Bench:
    """A vendor in the sandbox and a hook that points at it."""

    vendor: str
    hook: ProfileHook
    sandbox: Sandbox

    @property
    def field(self) -> str:
        """A field that holds text in every profile."""
        for fields in self.sandbox.profiles(self.vendor).values():
            for name, value in fields.items():
                if isinstance(value, str) and "mail" not in name.lower() and self._is_free(name):
                    return str(name)
        pytest.fail(f"the sandbox has no text field for {self.vendor}")

    def _is_free(self, name: str) -> bool:
        known = self.hook.vendor_class.fields.get(name)
        taken = name in self.hook.vendor_class.key_types or name == "discord"
        return not taken and (known is None or not known.choices)

    def all_keys(self) -> list[str]:
        """The keys of all profiles."""
        return list(self.sandbox.profiles(self.vendor))

    def held(self, field: str) -> dict[str, Any]:
        """What the vendor holds in a field, by key."""
        return {key: fields.get(field) for key, fields in self.sandbox.profiles(self.vendor).items()}


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    with serve(profiles=PROFILES, quota=False) as sandbox:
        yield sandbox


@pytest.fixture(params=sorted(HOOKS))
def bench(
    request: pytest.FixtureRequest, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    sandbox.reset()
    sandbox.clear_faults()
    sandbox.settings(quota=False)
    module, name = HOOKS[request.param].rsplit(".", 1)
    hook_class: type[ProfileHook] = getattr(import_module(module), name)
    connection = sandbox.connections()[hook_class.default_conn_name] | {"extra": {"quota": "none"}}
    monkeypatch.setenv(f"AIRFLOW_CONN_{hook_class.default_conn_name.upper()}", json.dumps(connection))
    monkeypatch.setattr(
        hook_class, "retry_rule", RetryRule(first_wait=0.01, longest_wait=0.05, retry_after_cap=0.05)
    )
    yield Bench(request.param, hook_class(), sandbox)
    sandbox.clear_faults()


@pytest.fixture(autouse=True)
def _repeatable() -> None:
    random.seed(7)
