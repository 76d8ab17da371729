"""The rigs of the acceptance tests, and a vendor's reads driven over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from importlib import import_module
from typing import Any

import pytest
from acceptance.conftest import open_rig, rig
from acceptance.rig import registration

from airflow_profile_provider.delivery.retries import RetryRule
from airflow_profile_provider.sandbox import Sandbox, serve
from airflow_profile_provider.vendor import Held, Page, Vendor

__all__ = ["open_rig", "rig"]


class Reader:
    """Runs a vendor's reads through its hook's transport, without a quota and with short waits."""

    def __init__(self, hook: Any) -> None:
        self.vendor: Vendor = hook.vendor()
        rule = RetryRule(attempts=3, first_wait=0.005, longest_wait=0.01, retry_after_cap=0.01)
        self.transport = hook._transport(self.vendor, "none", rule)

    def read(self, keys: Collection[str], fields: Collection[str], key_type: str = "") -> Mapping[str, Any]:
        """Read profiles by their keys, as many at once as the vendor takes."""
        found: dict[str, Held | None] = {}
        for key in keys:
            found |= self.transport.drive(self.vendor.read([key], key_type or self.first, fields))
        return found

    def page(self, cursor: str | None, fields: Collection[str], key_type: str = "") -> Page:
        """Read one page."""
        found: Page = self.transport.drive(self.vendor.read_all(cursor, key_type or self.first, fields))
        return found

    def pages(self, fields: Collection[str], key_type: str = "") -> Iterator[Page]:
        """Read all pages."""
        cursor: str | None = None
        for _ in range(1000):
            page = self.page(cursor, fields, key_type)
            yield page
            cursor = page.cursor
            if cursor is None:
                return
        raise AssertionError("the list has no end")

    def everybody(self, fields: Collection[str], key_type: str = "") -> dict[str, Held]:
        """Read all pages; the last that is shown of a profile counts."""
        return {held.key: held for page in self.pages(fields, key_type) for held in page.held}

    def find(self, field: str, value: Any, key_type: str = "") -> tuple[Held, ...]:
        """Find profiles by a field."""
        found: tuple[Held, ...] = self.transport.drive(self.vendor.find(field, value, key_type or self.first))
        return found

    @property
    def first(self) -> str:
        """The vendor's first identifier."""
        return self.vendor.key_types[0]


OpenReader = Callable[..., Reader]


def hook_of(conn_type: str) -> Any:
    """The hook of a registered vendor."""
    module, name = registration(conn_type)["hook-class-name"].rsplit(".", 1)
    return getattr(import_module(module), name)()


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with serve(profiles=30, quota=False) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


@pytest.fixture
def reader(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> OpenReader:
    """Open a reader of a vendor of the sandbox; keywords are extras of its connection."""

    def opened(conn_type: str, **extra: Any) -> Reader:
        connection = {**sandbox.connections()[f"{conn_type}_default"], "extra": extra}
        monkeypatch.setenv(f"AIRFLOW_CONN_{conn_type.upper()}_DEFAULT", json.dumps(connection))
        return Reader(hook_of(conn_type))

    return opened
