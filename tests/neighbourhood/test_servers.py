"""The neighbourhood does what it says."""

from __future__ import annotations

import threading

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from redis import Redis
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import NoScriptError
from redis.exceptions import TimeoutError as Silent

from neighbourhood.loopback import meanwhile
from neighbourhood.postgres_server import PostgresServer
from neighbourhood.redis_server import RedisServer
from neighbourhood.tls import Authority, tls_front


def connected(store: dict[str, object], **more: object) -> psycopg.Connection[tuple[object, ...]]:
    names = {"host": "host", "port": "port", "login": "user", "password": "password", "schema": "dbname"}
    return psycopg.connect(make_conninfo(**{names[n]: v for n, v in store.items() if n in names}, **more))


def test_postgresql_restarts(postgres: PostgresServer, database: str) -> None:
    with connected(postgres.store(database)) as connection:
        connection.execute("create table kept (x integer)")
    postgres.restart(0)
    assert postgres.execute("select count(*) from kept", database=database) == [(0,)]


def test_postgresql_freezes(postgres: PostgresServer, database: str) -> None:
    postgres.freeze()
    with pytest.raises(psycopg.errors.ConnectionTimeout):
        connected(postgres.store(database), connect_timeout=2)
    postgres.thaw()
    connected(postgres.store(database)).close()


def test_postgresql_minds_the_password(postgres: PostgresServer, database: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        connected(postgres.store(database, password="wrong"))


def test_a_role_has_rights_to_rows_only(postgres: PostgresServer, database: str) -> None:
    postgres.execute("create table t (x integer)", database=database)
    role = postgres.role(database, tables=["t"], leashes={"statement_timeout": "50ms"})
    with connected(role) as connection:
        connection.execute("insert into t values (1)")
        connection.commit()
        with pytest.raises(psycopg.errors.QueryCanceled):
            connection.execute("select pg_sleep(1)")
        connection.rollback()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("create table more (x integer)")


def test_a_pooler_keeps_no_prepared_statement(postgres: PostgresServer, database: str, pooler: int) -> None:
    store = {**postgres.store(database), "port": pooler}
    with connected(store) as first, connected(store) as second:
        first.prepare_threshold = 0
        first.execute("select 1")
        first.commit()
        second.execute("select 2")  # takes the session in which the statement was prepared
        with pytest.raises(psycopg.errors.InvalidSqlStatementName):
            first.execute("select 1")


def test_redis_restarts_and_forgets_its_scripts(redis: RedisServer) -> None:
    client = redis.client()
    script = client.script_load("return 1")
    client.set("kept", "x")
    redis.restart(0)
    assert client.get("kept") == b"x"
    with pytest.raises(NoScriptError):
        client.evalsha(script, 0)


def test_redis_freezes(redis: RedisServer) -> None:
    redis.freeze()
    with pytest.raises(Silent):
        Redis(port=redis.port, socket_timeout=0.1, retry=None).ping()
    redis.thaw()
    assert redis.client().ping()


def test_tls_in_front_is_trusted_by_whom_its_authority_is_given(
    redis: RedisServer, authority: Authority
) -> None:
    with tls_front(redis.port, authority.certificate("127.0.0.1", "localhost")) as port:
        trusting = Redis(port=port, ssl=True, ssl_ca_certs=str(authority.ca))
        assert trusting.set("big", "x" * 300_000)
        assert trusting.get("big") == b"x" * 300_000
        with pytest.raises(Broken) as caught:
            Redis(port=port, ssl=True, retry=None).ping()
        assert "CERTIFICATE_VERIFY_FAILED" in str(caught.value)


def test_tls_in_front_may_ask_for_a_certificate(redis: RedisServer, authority: Authority) -> None:
    certificate = authority.certificate("127.0.0.1", "localhost")
    with tls_front(redis.port, certificate, client_ca=authority.ca) as port:
        theirs = {"ssl_certfile": str(certificate.cert), "ssl_keyfile": str(certificate.key)}
        assert Redis(port=port, ssl=True, ssl_ca_certs=str(authority.ca), **theirs).ping()
        with pytest.raises((Broken, OSError)):
            Redis(port=port, ssl=True, ssl_ca_certs=str(authority.ca), retry=None).ping()


def test_what_happens_meanwhile_is_heard_of() -> None:
    happened = threading.Event()
    with meanwhile(happened.set, when=lambda: True):
        assert happened.wait(5)
    asked = threading.Event()
    with pytest.raises(ZeroDivisionError), meanwhile(lambda: asked.set() or 1 / 0, when=lambda: True):
        assert asked.wait(5)
