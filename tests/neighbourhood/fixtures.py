"""The neighbourhood as fixtures: any test may ask for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from neighbourhood.postgres_server import PostgresServer, pgbouncer, postgres_server
from neighbourhood.redis_server import RedisServer, redis_server
from neighbourhood.tls import Authority


@pytest.fixture(scope="session")
def _postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    with postgres_server(tmp_path_factory.mktemp("postgres")) as server:
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
