"""One sandbox for the folder, reset before each test, and a door to each vendor with its credentials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from airflow_profile_provider.sandbox import Sandbox, serve


class Door:
    """A vendor's address and credentials in one session; redirects are not followed."""

    def __init__(self, sandbox: Sandbox, vendor: str, headers: dict[str, str]) -> None:
        self.sandbox, self.vendor = sandbox, vendor
        self.connection = sandbox.connections()[f"{vendor}_default"]
        self.session = requests.Session()
        self.session.headers.update(headers)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send one request."""
        options = {"allow_redirects": False, "timeout": 10, **options}
        return self.session.request(method, self.sandbox.url + path, **options)

    @property
    def key(self) -> str:
        """The key of some profile."""
        return next(iter(self.sandbox.keys(self.vendor)))

    def fields(self, key: str | None = None) -> dict[str, Any]:
        """What the vendor holds of a profile."""
        return self.sandbox.profile(self.vendor, key or self.key)

    def set(self, **settings: Any) -> None:
        """Change the vendor's settings."""
        self.sandbox.settings(self.vendor, **settings)


@pytest.fixture(scope="session")
def running() -> Iterator[Sandbox]:
    with serve(profiles=30) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Sandbox:
    running.reset()
    return running


def _password(sandbox: Sandbox, vendor: str) -> str:
    return str(sandbox.connections()[f"{vendor}_default"]["password"])


@pytest.fixture
def sonoran(sandbox: Sandbox) -> Door:
    return Door(sandbox, "sonoran", {"Authorization": f"Bearer {_password(sandbox, 'sonoran')}"})


@pytest.fixture
def communifire(sandbox: Sandbox) -> Door:
    return Door(sandbox, "communifire", {"Rest-API-Key": _password(sandbox, "communifire")})


@pytest.fixture
def agilenow(sandbox: Sandbox) -> Door:
    door = Door(sandbox, "agilenow", {})
    form = {
        "grant_type": "client_credentials",
        "client_id": door.connection["login"],
        "client_secret": door.connection["password"],
        "scope": "*",
    }
    token = door.ask("POST", "/oAuth/rest/v2/Token", data=form).json()["access_token"]
    door.session.headers["Authorization"] = f"Bearer {token}"
    return door


@pytest.fixture
def lightfield(sandbox: Sandbox) -> Door:
    headers = {
        "Authorization": f"Bearer {_password(sandbox, 'lightfield')}",
        "Lightfield-Version": "2026-03-01",
    }
    return Door(sandbox, "lightfield", headers)


@pytest.fixture
def ocamba(sandbox: Sandbox) -> Door:
    return Door(sandbox, "ocamba", {"Authorization": f"Bearer {_password(sandbox, 'ocamba')}"})
