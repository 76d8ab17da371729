"""A ledger of any age is brought to today's version, by whoever may, and nothing of it is lost."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import pytest
from sqlalchemy import Engine, event, inspect, text
from standins import Ocamba

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.ledger import migrations
from airflow_profile_provider.ledger.admin import LedgerAdmin
from airflow_profile_provider.ledger.migrations import migrate, script
from airflow_profile_provider.ledger.schema import MIGRATIONS, SCHEMA
from airflow_profile_provider.ledger.tables import ROW_BYTES, Tables
from unit.cli.test_commands import run

from . import schema_1, schema_2, schema_3, schema_6
from .conftest import N
from .quick import push, written

SHAPE = "ocamba []"
"""What `Vendor.shape` of Ocamba was when ledgers were of schema 1, and is still."""
OLD = {1: schema_1, 2: schema_2, 3: schema_3, 6: schema_6}
of_any_age = pytest.mark.parametrize("age", OLD)


def connection(store: dict[str, Any], **other: Any) -> Any:
    from airflow.sdk import Connection

    return Connection(conn_id="ledger", **{**store, **other})


@pytest.fixture
def engine(store: dict[str, Any]) -> Iterator[Engine]:
    found = engine_of(connection(store))
    yield found
    found.dispose()


def value(n: int) -> dict[str, str]:
    return {"comment": f"is {n}", "full_name": f"Name {n}"}


def source(number: int = N, **other: str) -> list[dict[str, str]]:
    """The rows that were acknowledged, but for those named n3=…: another comment."""
    return [
        {"id": str(n), "comment": other.get(f"n{n}", f"is {n}"), "name": f"Name {n}"} for n in range(number)
    ]


def an_old_ledger(
    engine: Engine, store: dict[str, Any], number: int = N, more: str = "", *, age: int = 1
) -> None:
    """Make and fill one of an older schema: key 1 is in doubt, key 2 was refused, key 3 has a version."""
    odd = {
        1: {"doubt": 1},
        2: {"doubt": 1, "refused": "ab" * 8, "refusals": 2, "refused_run": "run", "refused_at": "12.5"},
        3: {"order": 7},
    }
    row = "x'00'" if store["conn_type"] == "sqlite" else "'\\x00'::bytea"
    rows: schema_1.Rows = [
        (str(n), value(n), {"row": row, **odd.get(n, {})})  # type: ignore[dict-item]
        for n in range(number)
    ]
    with engine.begin() as connection:
        for statement in OLD[age].TABLES[store["conn_type"]].split(";"):
            connection.exec_driver_sql(statement)
        for statement in OLD[age].contents("ocamba:ocamba_default", "id", rows, shape=SHAPE, more=more):
            connection.exec_driver_sql(statement)


def version_of(engine: Engine) -> int:
    with engine.begin() as connection:
        return migrations.found_schema(connection)


# -- what comes of it -----------------------------------------------------------------------------------


@of_any_age
def test_a_full_ledger_of_an_older_schema_is_migrated_and_nothing_is_sent_again(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, age: int
) -> None:
    an_old_ledger(engine, store, age=age)
    report = push(source())
    assert version_of(engine) == SCHEMA
    assert sorted(written(ocamba)) == ["1", "2"], "only what was in doubt"
    assert (report.pushed, report.unchanged) == (2, N - 2)
    assert push(source(n5="new")).unchanged >= N - 3


@of_any_age
def test_versions_and_refusals_outlive_a_migration(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, age: int
) -> None:
    kind = "insert into profile_ledger_meta values ('version 1', 'integer')"
    an_old_ledger(engine, store, more=kind, age=age)
    assert migrate(engine)
    admin = LedgerAdmin(engine)
    target = admin.target()
    assert (target.entries, target.refused, target.newest) == (N, 1, 7)
    assert [found.times for found in admin.refused([target])] == [2]
    older = [{**row, "comment": "older", "v": 6} for row in source()]
    assert push(older, version="v").superseded == 1


def test_the_tables_are_those_that_are_described(engine: Engine) -> None:
    """A table that is made anew went through every version, and has what the statements name."""
    assert migrate(engine)
    tables = Tables.described()
    for table in (getattr(tables, one.name) for one in fields(tables)):
        found = {column["name"]: column for column in inspect(engine).get_columns(table.name)}
        assert set(found) == {column.name for column in table.columns}
        for column in table.columns:
            own, there = column.type, found[column.name]["type"]
            assert own._type_affinity is there._type_affinity or engine.dialect.name == "sqlite", column
            assert column.nullable == found[column.name]["nullable"], column
        key = inspect(engine).get_pk_constraint(table.name)["constrained_columns"]
        assert key == [column.name for column in table.primary_key]


@pytest.mark.parametrize("version", range(1, SCHEMA + 1))
def test_each_version_is_known_by_its_mark(engine: Engine, version: int) -> None:
    """Tables that were made by hand, from printed SQL, hold no word of their version."""
    with engine.begin() as connection:
        for migration in MIGRATIONS[:version]:
            for statement in migration.statements(engine.dialect.name):
                connection.exec_driver_sql(statement)
    assert version_of(engine) == version
    assert migrate(engine)
    assert version_of(engine) == SCHEMA


def test_a_newer_ledger_is_refused_by_an_error_that_names_both_versions(
    ocamba: Ocamba, engine: Engine
) -> None:
    assert migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("update profile_ledger_meta set value = '99' where name = 'schema'"))
    with pytest.raises(ConfigurationError, match=rf"schema 99, .* {SCHEMA} at most: update the package"):
        push(source())
    with pytest.raises(ConfigurationError, match="schema 99"):
        LedgerAdmin(engine)
    assert ocamba.requests == []


def test_an_older_ledger_that_is_only_read_is_not_touched(store: dict[str, Any], engine: Engine) -> None:
    an_old_ledger(engine, store)
    with pytest.raises(ConfigurationError, match=f"schema 1, .* needs {SCHEMA}: .*ledger migrate"):
        LedgerAdmin(engine)
    assert version_of(engine) == 1


def test_the_beginning_of_a_row_s_fingerprint_is_kept(store: dict[str, Any], engine: Engine) -> None:
    """So that a row which has not changed need not be looked at again."""
    whole = bytes(range(16))
    row = f"x'{whole.hex()}'" if store["conn_type"] == "sqlite" else f"'\\x{whole.hex()}'::bytea"
    an_old_ledger(engine, store, age=6, more=f'update profile_ledger set "row" = {row}')
    assert migrate(engine)
    with engine.begin() as connection:
        (kept,) = connection.execute(text('select distinct "row" from profile_ledger')).scalars()
    assert bytes(kept) == whole[:ROW_BYTES]


@pytest.mark.long
@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_a_migration_may_take_longer_than_an_answer(
    store: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = MIGRATIONS[-1]
    slow = replace(slow, postgresql=("select pg_sleep(4.5)", *slow.postgresql))
    monkeypatch.setattr("airflow_profile_provider.adapters.databases.ANSWER_SECONDS", 2)
    monkeypatch.setattr(migrations, "MIGRATIONS", (*MIGRATIONS[:-1], slow))
    found = engine_of(connection(store))
    try:
        assert migrate(found)
        assert version_of(found) == SCHEMA
    finally:
        found.dispose()


# -- pushes meanwhile -----------------------------------------------------------------------------------


@of_any_age
def test_a_push_waits_for_one_of_the_older_package_and_then_migrates(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, monkeypatch: pytest.MonkeyPatch, age: int
) -> None:
    monkeypatch.setattr("airflow_profile_provider.adapters.ledgers.WAIT_SECONDS", 0.02)
    lease = f"insert into profile_ledger_leases values ('1 all', 'other', 'x', {time.time() + 60})"
    an_old_ledger(engine, store, more=lease, age=age)
    pushing = threading.Thread(target=push, args=(source(n5="new"),), kwargs={"run": "mine"})
    pushing.start()
    time.sleep(0.4)
    assert version_of(engine) == age, "the other push is under way"
    assert ocamba.requests == []
    with engine.begin() as connection:
        connection.execute(text("delete from profile_ledger_leases"))
    pushing.join(20)
    assert version_of(engine) == SCHEMA
    assert sorted(written(ocamba)) == ["1", "2", "5"]


def test_the_lease_of_the_task_s_own_earlier_try_holds_nothing_up(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine
) -> None:
    lease = f"insert into profile_ledger_leases values ('1 all', 'mine', 'x', {time.time() + 60})"
    an_old_ledger(engine, store, more=lease)
    begun = time.monotonic()
    push(source(), run="mine")
    assert time.monotonic() - begun < 10
    assert version_of(engine) == SCHEMA


def test_pushes_that_come_while_a_migration_runs_go_on_after_it(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four at once find the ledger old: one of them migrates it, and all deliver their share."""
    monkeypatch.setattr("airflow_profile_provider.adapters.ledgers.WAIT_SECONDS", 0.05)
    an_old_ledger(engine, store)
    others = {f"n{n}": "new" for n in range(N)}
    reports: list[Any] = []

    def run(at: int) -> None:
        reports.append(push(source(**others), partition=(at, 4), run=str(at)))

    threads = [threading.Thread(target=run, args=(at,)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(report.pushed for report in reports) == N
    assert version_of(engine) == SCHEMA


def test_a_push_that_waited_while_a_newer_package_migrated_does_not_write(
    ocamba: Ocamba, engine: Engine
) -> None:
    from airflow_profile_provider.ledger.ledger import Ledger

    one, other = (Ledger(engine, "ocamba:ocamba_default", "id") for _ in range(2))
    with engine.begin() as connection:
        connection.execute(text("update profile_ledger_meta set value = '99' where name = 'schema'"))
    with pytest.raises(ConfigurationError, match="schema 99"):
        one.take_lease("all", "one")
    with engine.begin() as connection:
        assert connection.execute(text("select count(*) from profile_ledger_leases")).scalar() == 0
    one.close()
    other.close()


def test_a_waiting_push_of_the_older_package_can_take_no_turn_any_more(
    store: dict[str, Any], engine: Engine
) -> None:
    """It has looked at the version already, and would write as it always did."""
    an_old_ledger(engine, store)
    assert migrate(engine)
    taking = "insert into profile_ledger_leases (name, run, token, until) values ('1 all', '', '', 0)"
    with pytest.raises(Exception, match="until"), engine.begin() as connection:
        connection.exec_driver_sql(taking)


# -- killed, or not allowed -----------------------------------------------------------------------------


def _migrate_and_die(store: dict[str, Any], after: int) -> None:
    """Be gone before a statement: the transaction is left as it is."""
    left = [after]

    def step(*_: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    found = engine_of(connection(store))
    event.listen(found, "before_cursor_execute", step)
    event.listen(found, "commit", step)
    migrate(found)


@of_any_age
def test_a_kill_in_the_middle_loses_nothing(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, age: int
) -> None:
    an_old_ledger(engine, store, age=age)
    endings = []
    for after in range(80):
        child = multiprocessing.get_context("fork").Process(target=_migrate_and_die, args=(store, after))
        child.start()
        child.join()
        endings.append(child.exitcode)
        if child.exitcode == 0:
            break
        with engine.begin() as connection:
            assert connection.execute(text("select count(*) from profile_ledger")).scalar() == N
        assert version_of(engine) in {age, SCHEMA}, "all of it or nothing"
    assert endings[0] == -signal.SIGKILL
    assert endings[-1] == 0
    assert version_of(engine) == SCHEMA
    assert push(source()).unchanged == N - 2


@pytest.fixture
def clerk(postgres_store: dict[str, Any], engine: Engine) -> dict[str, Any]:
    """A role that may read and write rows, and no more."""
    with engine.begin() as connection:
        made = "select 1 from pg_roles where rolname = 'clerk'"
        if not connection.exec_driver_sql(made).scalar():
            connection.exec_driver_sql("create role clerk login password 'clerk'")
        connection.exec_driver_sql("revoke create on schema public from public")
    return {**postgres_store, "login": "clerk", "password": "clerk"}


def _grant(engine: Engine) -> None:
    with engine.begin() as connection:
        for name in inspect(engine).get_table_names():
            connection.exec_driver_sql(f"grant select, insert, update, delete on {name} to clerk")
        connection.exec_driver_sql("grant usage on all sequences in schema public to clerk")


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
def test_rights_to_rows_are_enough_where_the_tables_are(
    ocamba: Ocamba, engine: Engine, clerk: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Case 19f: the DBA made the tables, from the printed SQL."""
    with engine.begin() as connection:
        for statement in script(engine).split(";\n"):
            if statement not in {"begin", "commit", ""}:
                connection.exec_driver_sql(statement)
    _grant(engine)
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(clerk))
    assert push(source()).pushed == N
    assert push(source()).unchanged == N


@pytest.mark.parametrize("store", ["postgres"], indirect=True)
@pytest.mark.parametrize("old", [False, True])
def test_a_role_that_may_not_is_told_who_must_run_what(
    ocamba: Ocamba,
    store: dict[str, Any],
    engine: Engine,
    clerk: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    old: bool,
) -> None:
    if old:
        an_old_ledger(engine, store)
        _grant(engine)
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", json.dumps(clerk))
    with pytest.raises(ConfigurationError, match="the tables' owner run `airflow profiles ledger migrate`"):
        push(source())
    assert ocamba.requests == []
    assert version_of(engine) == int(old)


def test_no_statement_but_reads_where_the_ledger_is_current(engine: Engine) -> None:
    assert migrate(engine)
    seen: list[str] = []
    event.listen(engine, "before_cursor_execute", lambda c, cursor, said, *_: seen.append(said.lower()))
    assert migrate(engine)
    assert seen
    assert not [said for said in seen if said.lstrip().startswith(("create", "alter", "insert", "update"))]


def test_the_command_migrates_or_prints_how(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    an_old_ledger(engine, store)
    command = ("ledger", "migrate", "--ledger-conn-id", "ledger")
    status, said = run(capsys, *command, "--sql")
    assert status == 0
    assert said.startswith("begin;\nalter table")
    assert said.endswith("commit;\n")
    assert version_of(engine) == 1
    assert run(capsys, *command) == (0, f"The ledger is of schema {SCHEMA}.\n")
    assert version_of(engine) == SCHEMA
    assert "nothing to do" in run(capsys, *command, "--sql")[1]


@of_any_age
def test_the_printed_sql_is_the_migration(
    ocamba: Ocamba, store: dict[str, Any], engine: Engine, age: int
) -> None:
    an_old_ledger(engine, store, age=age)
    for statement in script(engine).split(";\n"):
        with engine.begin() as connection:
            if statement not in {"begin", "commit", ""}:
                connection.exec_driver_sql(statement)
    assert version_of(engine) == SCHEMA
    assert script(engine) == ""
    assert push(source()).unchanged == N - 2
