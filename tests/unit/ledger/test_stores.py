"""Kind 19: a ledger in databases as they are: restarted, pooled, on a short leash, with few rights."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from airflow.sdk import Connection
from neighbourhood.loopback import free_port, meanwhile
from neighbourhood.postgres_server import PostgresServer
from standins import Ocamba

from airflow_profile_provider import outages
from airflow_profile_provider.adapters import databases
from airflow_profile_provider.errors import ConfigurationError, LedgerFailed
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.ledger.entry import Entry
from airflow_profile_provider.ledger.ledger import Ledger
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.records import Verdict
from airflow_profile_provider.reports import Report
from airflow_profile_provider.sources.announced import Outbox
from airflow_profile_provider.sources.outbox import OutboxRows

pytestmark = pytest.mark.long

TABLES = tuple(f"profile_ledger{name}" for name in ("", "_meta", "_targets", "_leases", "_ids", "_scopes"))
MANY = 1500


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Ocamba]:
    with Ocamba({str(n): {"comment": ""} for n in range(2 * MANY)}) as vendor:
        connection = {"conn_type": "ocamba", "host": vendor.url, "password": vendor.secret}
        connection["extra"] = {"quota": "none", "concurrency": 4}
        monkeypatch.setenv("AIRFLOW_CONN_OCAMBA_DEFAULT", json.dumps(connection))
        yield vendor


@pytest.fixture
def keep(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Name a store as the ledger's."""
    return lambda store: monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(store))


def push(value: str, number: int = MANY, **options: Any) -> Report:
    changes = ({"key": str(n), "fields": {"comment": value}} for n in range(number))
    return OcambaHook().push(changes, ledger_conn_id="ledger", **options)


def test_a_restart_in_mid_push_is_ridden_out(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    keep(postgres.store(database))
    with meanwhile(lambda: postgres.restart(0.3), when=lambda: len(vendor.requests) > 300):
        assert push("x").pushed == MANY
    assert push("x").unchanged == MANY


def test_sessions_that_are_ended_in_mid_push_are_made_again(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    keep(postgres.store(database))
    ended = []
    with meanwhile(
        lambda: ended.append(postgres.disconnect(database)), when=lambda: len(vendor.requests) > 300
    ):
        assert push("x").pushed == MANY
    assert ended[0] > 0
    assert push("x").unchanged == MANY


def test_a_pooler_may_stand_before_it(
    vendor: Ocamba, postgres: PostgresServer, database: str, pooler: int, keep: Any
) -> None:
    """Case 19e: in transaction mode, which keeps no prepared statement, in more than one run."""
    keep({**postgres.store(database), "port": pooler})
    assert push("x").pushed == MANY
    assert push("x").unchanged == MANY
    assert push("y", 2 * MANY).pushed == 2 * MANY


def test_rights_to_the_rows_are_enough_where_the_tables_are(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    """Case 19f: no DDL where the tables are, not even a right to a sequence."""
    keep(postgres.store(database))
    assert push("x", 3).pushed == 3
    postgres.execute("delete from profile_ledger", "delete from profile_ledger_targets", database=database)
    keep(postgres.role(database, tables=TABLES, sequences=False))
    assert push("x", 3).pushed == 3
    assert push("x", 4).unchanged == 3


@pytest.mark.parametrize(
    "leash",
    ["idle_session_timeout", "idle_in_transaction_session_timeout", "transaction_timeout"],
)
def test_a_short_leash_is_borne(
    leash: str, vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    """Case 19g: what stands idle is dropped by the database, and made again."""
    keep(postgres.store(database))
    push("x", 1)
    keep(postgres.role(database, tables=TABLES, leashes={leash: "100ms"}))
    assert push("y", 60, quota="60/1s").pushed == 60
    assert push("z", 70, quota="50/1s").pushed == 70
    assert push("z", 70, quota="50/1s").unchanged == 70


def test_a_lock_that_passes_is_waited_for(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    keep(postgres.store(database))
    push("x", 1)
    keep(postgres.role(database, tables=TABLES, leashes={"lock_timeout": "50ms", "statement_timeout": "1s"}))
    text = "begin; lock table profile_ledger in access exclusive mode; select pg_sleep(0.5); commit"
    thread = threading.Thread(target=lambda: postgres.execute(text, database=database))
    with meanwhile(thread.start, when=lambda: len(vendor.requests) > 100):
        assert push("y").pushed == MANY
    thread.join()


def test_a_database_that_stays_away_is_named_by_its_code(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.3)
    keep(postgres.store(database))
    with (
        meanwhile(postgres.stop, when=lambda: len(vendor.requests) > 100),
        pytest.raises(LedgerFailed) as caught,
    ):
        push("x")
    assert "the ledger's database failed" in str(caught.value)
    assert "does not answer" in str(caught.value)


def test_a_right_that_is_taken_away_in_mid_push_is_named_by_its_code_and_not_waited_for(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    keep(postgres.store(database))
    push("x", 1)
    role = postgres.role(database, tables=TABLES)
    keep(role)
    taken = f"revoke update on profile_ledger from {role['login']}"
    began = time.monotonic()
    with (
        meanwhile(
            lambda: postgres.execute(taken, database=database), when=lambda: len(vendor.requests) > 100
        ),
        pytest.raises(LedgerFailed, match=r"InsufficientPrivilege 42501.*lacks a right"),
    ):
        push("y")
    assert time.monotonic() - began < 10


def test_a_database_that_stands_still_ends_the_push(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(databases, "ANSWER_SECONDS", 0.5)
    keep(postgres.store(database, connect_timeout=2))
    began = time.monotonic()
    with meanwhile(postgres.freeze, when=lambda: len(vendor.requests) > 100), pytest.raises(LedgerFailed):
        push("x")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("part", ["ledger", "source", "outbox"])
def test_a_database_that_refuses_connections_is_tried_again_by_airflow(
    part: str, vendor: Ocamba, keep: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 21c."""
    monkeypatch.setattr(outages, "PATIENCE_SECONDS", 0.2)
    with pytest.raises(AirflowException) as caught:
        execute(part, keep, {"conn_type": "postgres", "host": "127.0.0.1", "port": free_port()})
    assert not isinstance(caught.value, AirflowFailException)
    assert "does not answer" in str(caught.value)
    assert not vendor.requests


@pytest.mark.parametrize("part", ["ledger", "source", "outbox"])
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"password": "wr0ng-passw0rd"}, r"28P01.*login and password"),
        ({"login": "nobody_at_all"}, r"28P01.*login and password"),
        ({"schema": "no_database"}, r"3D000.*no such database"),
        ({"extra": {"sslmode": "require"}}, r"TLS"),
    ],
)
def test_a_wrong_connection_is_final(
    part: str,
    wrong: dict[str, Any],
    named: str,
    vendor: Ocamba,
    postgres: PostgresServer,
    database: str,
    keep: Any,
) -> None:
    """Case 21c."""
    with pytest.raises(AirflowFailException, match=named) as caught:
        execute(part, keep, {**postgres.store(database), **wrong})
    assert not any(text in str(caught.value) for text in ("wr0ng", "nobody_at_all", "no_database"))
    assert not vendor.requests


def test_a_database_that_comes_late_is_waited_for(
    vendor: Ocamba, postgres: PostgresServer, database: str, keep: Any
) -> None:
    keep(postgres.store(database))
    postgres.stop()
    late = threading.Timer(0.5, postgres.start)
    late.start()
    assert push("x", 5).pushed == 5
    late.join()


def execute(part: str, keep: Any, store: dict[str, Any]) -> None:
    """Run a task whose ledger or source is there."""
    from airflow_profile_provider.operators.events import from_events

    keep(store)
    given: dict[str, Any] = {
        "ledger": {"records": [{"key": "1", "fields": {"comment": "x"}}], "ledger_conn_id": "ledger"},
        "source": {"sql": "select 1 as id, 'x' as comment", "key": "id", "fields": ["comment"]},
        "outbox": {"records": from_events(table="outbox")},
    }[part]
    if part != "ledger":
        given["sql_conn_id"] = "ledger"
    OcambaPushProfilesOperator(task_id="push", **given).execute({})


# -- SQLite -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_a_file_is_private_to_its_owner(umask: int, vendor: Ocamba, tmp_path: Path, keep: Any) -> None:
    """Case 23j: with what SQLite lays beside it, and also where others could read it before."""
    (tmp_path / "old.db").touch(0o644)
    before = os.umask(umask)
    seen: dict[str, int] = {}

    def look() -> bool:
        seen.update({path.name: path.stat().st_mode & 0o077 for path in tmp_path.iterdir()})
        return len(vendor.requests) > 50

    try:
        for name in ("new.db", "old.db"):
            keep({"conn_type": "sqlite", "host": str(tmp_path / name)})
            with meanwhile(lambda: None, when=look):
                push(name, 60)
    finally:
        os.umask(before)
    look()
    assert {"new.db", "new.db-wal", "old.db"} <= seen.keys()
    assert not any(seen.values())


@pytest.mark.parametrize("slashes", ["sqlite:///", "sqlite:////"])
def test_a_uri_names_the_file(
    slashes: str, vendor: Ocamba, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19c."""
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", slashes + str(tmp_path / "ledger.db").lstrip("/"))
    assert push("x", 3).pushed == 3
    assert push("x", 3).unchanged == 3
    assert (tmp_path / "ledger.db").exists()


@pytest.mark.parametrize(
    "store",
    [
        {"conn_type": "sqlite", "host": "l.db", "extra": {"mode": "memory"}},
        {"conn_type": "sqlite", "schema": ":memory:"},
        {"conn_type": "sqlite", "host": " "},
    ],
)
def test_what_is_in_memory_is_refused(store: dict[str, Any], vendor: Ocamba, keep: Any) -> None:
    keep(store)
    with pytest.raises(ConfigurationError, match="host must name a file"):
        push("x", 1)


def test_rows_that_are_written_at_once_are_those_that_are_written_one_by_one(
    postgres: PostgresServer, database: str
) -> None:
    """PostgreSQL gets arrays, unless a key comes twice."""
    engine = databases.engine_of(Connection(conn_id="ledger", **postgres.store(database)))
    ledger = Ledger(engine, "ocamba:x", "id")
    entries = [Entry("a", b"1" * 16, {"f": b"\xab" * 8}, order=7), Entry("b", None, {}, order=None)]
    ledger.put_in_doubt([Entry("a"), Entry("b", order=2**62), Entry("a", order=3)])
    assert {key: entry.order for key, entry in ledger.known(["a", "b"]).items()} == {"a": 3, "b": 2**62}
    ledger.acknowledge(entries)
    ledger.count_refusals([("b", "no"), ("c", "not")], "run")
    ledger.count_refusals([("b", "no"), ("c", "other")], "next run")
    known = ledger.known(["a", "b", "c"])
    assert (known["a"].row, known["a"].order, known["b"].order) == (b"1" * 16, 7, 2**62)
    assert (known["b"].refusals, known["c"].refusals) == (2, 1)
    ledger.close()


def test_marks_in_an_outbox_wait_for_its_database(postgres: PostgresServer, database: str) -> None:
    """The connection of a SQL source is one like the ledger's."""
    table = "create table outbox (id bigint, key text, fields text, delivered text)"
    postgres.execute(table, "insert into outbox values (1, '1', '{\"comment\": \"x\"}')", database=database)
    store = Connection(conn_id="source", **postgres.store(database))
    engine = databases.engine_of(store, create=False, write=True)
    rows = OutboxRows(engine, Outbox(table="outbox"))
    assert len(list(rows.rows())) == 1
    rows.settled(1, Verdict.PUSHED)
    postgres.stop()
    late = threading.Timer(0.3, postgres.start)
    late.start()
    rows.flush()
    late.join()
    engine.dispose()
    assert postgres.execute("select delivered from outbox", database=database) == [("pushed",)]
