"""What is told of a query that fails: the database's own words on the query, and never a value."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_profile_provider.adapters.databases import database_of
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.cursors import CursorDatabase
from airflow_profile_provider.sources.engines import EngineDatabase
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement

Opened = EngineDatabase | CursorDatabase
SECRET = "S3cr3tAda"
EMAIL = "ada@example.com"


def words(database: Opened, sql: str, parameters: Any = None) -> str:
    """Return what is said of a query that fails."""
    with pytest.raises(SourceError) as caught:
        list(rows_of_sql(database, Statement.of(sql, parameters), None))
    assert caught.value.__suppress_context__
    return str(caught.value)


def of(**by_kind: Any) -> Any:
    """One case for each database."""
    return pytest.mark.parametrize(("kind", "told"), by_kind.items(), indirect=["kind"])


@of(
    postgres='(UndefinedTable 42P01): relation "nowhere" does not exist, in line 2',
    sqlite='(OperationalError SQLITE_ERROR): no such table: "nowhere"',
    duckdb='(CatalogException): Table with name "nowhere" does not exist',
    mysql="(ProgrammingError 1146): Table 'warehouse.nowhere' doesn't exist",
)
def test_a_relation_that_is_not_there_is_told(database: Opened, told: str) -> None:
    assert told in words(database, f"select id, '{SECRET}' as x\nfrom nowhere where y = '{EMAIL}'")


@of(
    postgres='(UndefinedColumn 42703): column "mail" does not exist, in line 3',
    sqlite='no such column: "mail"',
    duckdb='(BinderException): Referenced column "mail" not found in FROM clause, in line 3',
    mysql="(OperationalError 1054): Unknown column 'mail'",
)
def test_a_column_that_is_not_there_is_told(database: Opened, told: str) -> None:
    found = words(database, f"\nselect '{SECRET}' as x,\nmail from (select 1 as id) as p")
    assert told in found
    assert SECRET not in found


@of(
    postgres='(SyntaxError 42601): syntax error at or near "form", in line 2',
    sqlite='(OperationalError SQLITE_ERROR): near "form": syntax error',
    duckdb='(ParserException): syntax error at or near "form", in line 2',
    mysql='(ProgrammingError 1064): syntax error at or near "form", in line 2',
)
def test_a_mistake_in_the_syntax_is_told_with_its_place(database: Opened, told: str) -> None:
    found = words(database, f"select '{SECRET}' as x, 1 as id\nform people where y = '{SECRET}'")
    assert told in found
    assert SECRET not in found


@of(
    postgres="(UndefinedFunction 42883): function nofunc(integer) does not exist, in line 1",
    sqlite='no such function: "nofunc"',
    duckdb='Scalar Function with name "nofunc" does not exist',
    mysql="(OperationalError 1305): FUNCTION warehouse.nofunc does not exist",
)
def test_a_function_that_is_not_there_is_told(database: Opened, told: str) -> None:
    assert told in words(database, "select nofunc(1) as x")


UNTOLD = {
    "postgres": [
        "select '{}'::int as x",
        "select x::int as y from (select '{}' as x) as p",
        "select x::regclass from (select '{}' as x) as p",
        "select 'a' '{}'",
        'select "{}" from (select 1 as a) as p',
        'select p."{}" from (select 1 as a) as p',
        "select date '{}'",
        "select array_length('{}', 1)",
        "select '{}'::json",
        "select to_tsquery('{}:*&')",
    ],
    "sqlite": [
        "select 1 from '{}' 'x' 'y'",
        "select json('{}')",
        "select [{}] from (select 1 as a)",
        "select '{}",
    ],
    "duckdb": [
        "select '{}'::int as x",
        "select x::int as y from (select '{}' as x) as p",
        "select error('{}')",
        "select 'a' '{}'",
        'select "{}" from (select 1 as a) as p',
        "select date '{}'",
        "select * from '{}'",
    ],
    "mysql": [
        "select 'a' from where x = '{}'",
        "select `{}` from (select 1 as a) as p",
        "select extractvalue('<a', '{}@@')",
        "select '{}",
        "select 1 order '{}'",
    ],
}


@pytest.mark.parametrize(
    ("kind", "sql"), [(k, sql) for k, all_ in UNTOLD.items() for sql in all_], indirect=["kind"]
)
def test_a_value_is_never_told(database: Opened, sql: str) -> None:
    """An address of e-mail, also where it stands in the place of a name."""
    found = words(database, sql.format(EMAIL))
    assert "ada" not in found.lower()
    assert "example" not in found


@of(
    postgres=["select %s::int as x", "select %s::regclass as x", "select nofunc(%s::text)"],
    duckdb=["select ?::int as x", "select * from query_table(?)"],
    mysql=["select %s from where", "select nofunc(%s)", "select 1 from where %s"],
    sqlite=["select json(?)", "select nofunc(?)"],
)
def test_a_parameter_is_never_told(database: Opened, told: list[str]) -> None:
    for sql in told:
        for value in (SECRET, EMAIL):
            assert value.lower() not in words(database, sql, [value]).lower()


@pytest.mark.parametrize(
    ("kind", "sql"),
    [
        ("sqlite", "select p.x from (select 'Zanzibar:x' as x) as p join names on names match p.x"),
        ("duckdb", "pivot (select 'Zanzibar' as x, 1 as y) on x using sum(nothing)"),
        ("postgres", "select x::regclass from (select 'zan' || 'zibar' as x) as p"),
    ],
    indirect=["kind"],
)
def test_a_name_that_a_row_holds_is_never_told(database: Opened, kind: str, sql: str) -> None:
    if kind == "sqlite":
        assert isinstance(database, EngineDatabase)
        with sqlite3.connect(str(database.engine.url.database).removeprefix("file:")) as connection:
            connection.execute("create virtual table if not exists names using fts5(name)")
            connection.execute("create table if not exists people as select 'Zan' || 'zibar:x' as x")
        sql = "select people.x from people join names on names match people.x"
    assert "zanzibar" not in words(database, sql).lower()


@pytest.mark.parametrize("kind", ["postgres"], indirect=True)
def test_a_right_that_is_missing_is_told(database: Opened, store: dict[str, Any]) -> None:
    assert isinstance(database, EngineDatabase)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("create table closed (id int)")
        connection.exec_driver_sql("create role somebody")
    limited = Connection(conn_id="limited", **store, extra=json.dumps({"options": "-c role=somebody"}))
    found = database_of(limited, away=SourceError)
    told = words(found, "select id from closed")
    found.close()
    assert "(InsufficientPrivilege 42501): permission denied for table closed" in told


@pytest.mark.parametrize("kind", ["mysql"], indirect=True)
def test_a_right_that_is_missing_is_told_without_the_login(database: Opened) -> None:
    found = words(database, "select * from mysql.user")
    assert "SELECT command denied for table" in found
    assert "profiles" not in found
