"""The neighbourhood as fixtures: any test may ask for them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from neighbourhood.hostile import Hostile
from neighbourhood.postgres_server import PostgresServer, pgbouncer, postgres_server
from neighbourhood.proxy import Proxy
from neighbourhood.redis_server import RedisServer, redis_server
from neighbourhood.tls import Authority

OpenHostile = Callable[..., Hostile]
OpenProxy = Callable[..., Proxy]
ENVIRONMENT = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
)


@pytest.fixture(scope="session")
def _postgres() -> Iterator[PostgresServer]:
    # A folder of its own: each run of pytest closes the others' folders to everybody but itself, and
    # PostgreSQL, which does not run as root, could not be started again.
    with TemporaryDirectory(prefix="postgres-") as folder:
        Path(folder).chmod(0o711)
        with postgres_server(Path(folder) / "data") as server:
            yield server


@pytest.fixture
def postgres(_postgres: PostgresServer) -> Iterator[PostgresServer]:
    """A PostgreSQL that may be stopped, frozen and restarted; it is up again for the next test."""
    yield _postgres
    try:
        _postgres.thaw()
        _postgres.execute("select 1")
    except Exception:  # noqa: BLE001 -- whatever a test did to it
        _postgres.restart(0)


@pytest.fixture
def database(postgres: PostgresServer) -> str:
    """The name of an empty database in that PostgreSQL."""
    return postgres.database()


@pytest.fixture
def pooler(postgres: PostgresServer) -> Iterator[int]:
    """The port of a pgbouncer in transaction mode, in front of that PostgreSQL."""
    with pgbouncer(postgres) as port:
        yield port


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis that may be stopped, frozen and restarted."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority that only those trust who are given its file."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def hostile() -> Iterator[OpenHostile]:
    """Put a hostile vendor before a server: ``hostile(stand_in.url, tls=…)``."""
    with ExitStack() as stack:

        def open_hostile(upstream: str, tls: ssl.SSLContext | None = None) -> Hostile:
            return stack.enter_context(Hostile(upstream, tls))

        yield open_hostile


@pytest.fixture
def proxy() -> Iterator[OpenProxy]:
    """Start a proxy; the arguments are `Proxy`'s."""
    with ExitStack() as stack:

        def open_proxy(*routes: Any, **how: Any) -> Proxy:
            return stack.enter_context(Proxy(*routes, **how))

        yield open_proxy


@pytest.fixture
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment without proxies and certificates, to be set as a test needs it."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    return monkeypatch
