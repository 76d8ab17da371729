"""Rows of DuckDB and MariaDB, through the hooks of their connections: a stream, exact, with parameters."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, time
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import Connection

from airflow_profile_provider.adapters.databases import database_of
from airflow_profile_provider.errors import InvalidRecord, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.cursors import CursorDatabase
from airflow_profile_provider.sources.engines import EngineDatabase
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement
from airflow_profile_provider.values import exact_key, is_null, plain, read_as

Store = dict[str, Any]
KINDS = ["duckdb", "mysql", "postgres", "sqlite"]
NUMBERS = {
    "duckdb": "select i as id, 'name ' || i as name from range(1, {} + 1) as t(i)",
    "mysql": "select seq as id, concat('name ', seq) as name from seq_1_to_{}",
    "postgres": "select i as id, 'name ' || i as name from generate_series(1, {}) as i",
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) "
    "select i as id, 'name ' || i as name from n",
}


Opened = EngineDatabase | CursorDatabase


@pytest.fixture
def duckdb(database: Opened) -> Opened:
    return database


def read(database: Opened, sql: str, parameters: Any = None, columns: list[str] | None = None) -> list[Row]:
    return list(rows_of_sql(database, Statement.of(sql, parameters), columns))


def only(database: Opened, sql: str) -> Any:
    """Return the single value of a query."""
    (row,) = read(database, f"select {sql} as x")
    assert not row.problem
    return row.content["x"]


of_duckdb = pytest.mark.parametrize("kind", ["duckdb"], indirect=True)
of_mysql = pytest.mark.parametrize("kind", ["mysql"], indirect=True)


def test_rows_are_numbered_from_1_and_have_the_columns_by_name(database: Opened, kind: str) -> None:
    rows = read(database, NUMBERS[kind].format(2500), columns=["name", "id"])
    assert [row.position for row in rows] == list(range(1, 2501))
    assert rows[1999].content == {"name": "name 2000", "id": 2000}


def test_a_database_without_a_dialect_is_read_by_a_cursor(database: Opened, kind: str) -> None:
    assert isinstance(database, CursorDatabase if kind == "duckdb" else EngineDatabase)


def test_a_query_without_parameters_reaches_the_database_as_it_is_written(database: Opened) -> None:
    (row,) = read(database, "select 'a%b %s %(x)s :name ? 12:30' as x; -- the end")
    assert row.content == {"x": "a%b %s %(x)s :name ? 12:30"}


PLACES = {
    "duckdb": ("?", "$since"),
    "mysql": ("%s", "%(since)s"),
    "postgres": ("%s", "%(since)s"),
    "sqlite": ("?", ":since"),
}


@pytest.mark.parametrize("value", ["o'brien -- ; %s", "17430755068736100383"])
def test_parameters_are_bound_in_the_drivers_own_style(database: Opened, kind: str, value: str) -> None:
    by_order, by_name = PLACES[kind]
    text = "{}::text" if kind == "postgres" else "{}"
    for place, given in ((by_order, [value]), (by_order, (value,)), (by_name, {"since": value})):
        (row,) = read(database, f"select {text.format(place)} as x", given)
        assert row.content == {"x": value}


def test_a_parameter_chooses_rows(database: Opened, kind: str) -> None:
    sql = f"select * from ({NUMBERS[kind].format(5000)}) as p where id > {PLACES[kind][0]} order by id"
    assert [row.content["id"] for row in read(database, sql, [4998])] == [4999, 5000]


def test_a_query_without_rows_yields_none(database: Opened) -> None:
    assert read(database, "select * from (select 1 as id) as p where 1 = 0", columns=["id"]) == []


def test_a_column_that_is_missing_is_told_with_the_one_that_may_be_meant(database: Opened) -> None:
    with pytest.raises(SourceError, match="no column 'E_Mail'; it has 2 columns, among them 'email'"):
        read(database, "select 1 as id, 'x' as email", columns=["id", "E_Mail"])


def test_a_reader_that_stops_early_lets_the_next_one_read(database: Opened, kind: str) -> None:
    rows = rows_of_sql(database, Statement(NUMBERS[kind].format(500_000)), None)
    assert len(list(islice(rows, 10))) == 10
    rows.close()
    assert only(database, "1") == 1


# -- types ------------------------------------------------------------------------------------------------


@of_duckdb
@pytest.mark.parametrize(
    ("sql", "value", "written"),
    [
        ("1.50::decimal(9, 2)", Decimal("1.50"), "1.50"),
        ("2::hugeint", 2, 2),
        ("18446744073709551615::ubigint", 2**64 - 1, 2**64 - 1),
        ("true", True, True),
        ("0.1::float", 0.1, 0.1),
        ("0.5::double", 0.5, 0.5),
        ("date '2026-01-02'", date(2026, 1, 2), "2026-01-02"),
        ("time '03:04:05'", time(3, 4, 5), "03:04:05"),
        ("timestamp '2026-01-02 03:04'", datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        ("['a', null]", ["a", None], ["a", None]),
        ("{'a': [1, 9007199254740993]}", {"a": [1, 2**53 + 1]}, {"a": [1, 2**53 + 1]}),
        ("map {'a': true}", {"a": True}, {"a": True}),
        ("'{\"a\": 1}'::json", '{"a": 1}', '{"a": 1}'),
    ],
)
def test_types_of_duckdb_are_written_as_json(duckdb: Opened, sql: str, value: Any, written: Any) -> None:
    found = only(duckdb, sql)
    assert found == value
    assert plain(found) == written


@of_duckdb
def test_an_instant_of_duckdb_keeps_its_zone(duckdb: Opened) -> None:
    found = only(duckdb, "timestamptz '2026-01-02 03:04:00+00'")
    assert datetime.fromisoformat(plain(found)) == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


@of_duckdb
@pytest.mark.parametrize("sql", ["date '10000-01-01'", "date '0044-03-15 (BC)'", "time '24:00'"])
def test_a_moment_that_python_has_not_spoils_only_its_own_record(duckdb: Opened, sql: str) -> None:
    rows = read(
        duckdb, f"select i as id, case i when 2 then {sql} end as x from range(1, 4) as t(i) order by i"
    )
    assert [row.content["id"] for row in rows] == [1, 2, 3]
    assert [row.problem.partition(";")[0] for row in rows if row.problem] == [
        "column x: holds no date or time of the years 1 to 9999"
    ]


@of_duckdb
@pytest.mark.parametrize("sql", ["'\\x01'::blob", "interval '1 day'", "'inf'::double"])
def test_what_json_cannot_hold_of_duckdb_makes_its_record_invalid(duckdb: Opened, sql: str) -> None:
    with pytest.raises(InvalidRecord):
        plain(only(duckdb, sql))


@of_duckdb
def test_nan_of_duckdb_is_null(duckdb: Opened) -> None:
    assert is_null(only(duckdb, "'nan'::double"))


@of_mysql
@pytest.mark.parametrize(
    ("sql", "value", "written"),
    [
        ("cast(1.50 as decimal(9, 2))", Decimal("1.50"), "1.50"),
        ("18446744073709551615", 2**64 - 1, 2**64 - 1),
        ("cast('2026-01-02' as date)", date(2026, 1, 2), "2026-01-02"),
        ("cast('2026-01-02 03:04' as datetime)", datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        ("cast(0.1 as float)", 0.1, 0.1),
        ("json_object('a', 1)", '{"a": 1}', '{"a": 1}'),
        ("null", None, None),
    ],
)
def test_types_of_mysql_are_written_as_json(database: Opened, sql: str, value: Any, written: Any) -> None:
    found = only(database, sql)
    assert (type(found), found) == (type(value), value)
    assert plain(found) == written


@of_mysql
@pytest.mark.parametrize(
    ("sql", "value"), [("true", True), ("false", False), ("b'1'", True), ("b'0'", False)]
)
def test_a_boolean_of_mysql_is_a_number_or_a_bit_and_read_by_the_fields_type(
    database: Opened, sql: str, value: bool
) -> None:
    assert read_as("boolean", only(database, sql)) is value


@of_mysql
def test_json_of_mysql_is_read_by_the_fields_type(database: Opened) -> None:
    assert read_as("object", only(database, "json_object('a', 9007199254740993)")) == {"a": 2**53 + 1}
    assert read_as("string[]", only(database, "json_array('a', 'b')")) == ["a", "b"]


@of_mysql
@pytest.mark.parametrize("sql", ["x'00ff'", "cast('10:00' as time)"])
def test_what_json_cannot_hold_of_mysql_makes_its_record_invalid(database: Opened, sql: str) -> None:
    with pytest.raises(InvalidRecord):
        plain(only(database, sql))


@pytest.mark.parametrize("kind", ["duckdb", "mysql"], indirect=True)
@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1, 2**64 - 1])
def test_a_large_key_keeps_every_digit(database: Opened, number: int) -> None:
    assert exact_key(only(database, str(number))) == str(number)


@of_mysql
@pytest.mark.parametrize("extra", [{"cursor": "dictcursor"}, {"client": "pymysql"}])
def test_a_connection_whose_extra_asks_for_dicts_or_another_client_is_read_all_the_same(
    mysql: Store, extra: dict[str, str], database: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_OF_DICTS", json.dumps({**mysql, "extra": extra}))
    found = database_of(Connection.get("of_dicts"), away=SourceError)
    assert read(found, "select 1 as a, 2 as b")[0].content == {"a": 1, "b": 2}
    found.close()


# -- what breaks ------------------------------------------------------------------------------------------


@of_mysql
def test_a_session_that_is_ended_half_way_is_an_error_of_the_source(database: Opened, mysql: Store) -> None:
    sql = "select seq as id, connection_id() as session from seq_1_to_500000"
    rows = rows_of_sql(database, Statement(sql), None)
    session = next(rows).content["session"]
    _kill(mysql, session)
    with pytest.raises(SourceError, match=r"failed after [\d,]+ rows \(OperationalError \d+\)"):
        list(rows)
    assert only(database, "1") == 1, "it connects anew"


def _kill(store: Store, session: int) -> None:
    import pymysql

    with pymysql.connect(
        host=store["host"], port=store["port"], user=store["login"], password=store["password"]
    ) as connection:
        connection.cursor().execute(f"kill {session}")


@of_duckdb
def test_a_value_that_fails_is_an_error_of_the_source_without_the_value(duckdb: Opened) -> None:
    failing = "case when i = 250000 then error('S3cr3t') else 'x' end"
    with pytest.raises(SourceError, match=r"the query failed .*\(\w+Exception\); run it") as caught:
        read(duckdb, f"select i as id, {failing} as x from range(1, 300000) as t(i)")
    assert "S3cr3t" not in str(caught.value)


# -- a million rows ---------------------------------------------------------------------------------------

MEMORY = """
import sys, json, os
from warehouses import DuckDBHook, MySqlHook, register
from airflow.sdk import Connection
from airflow_profile_provider.adapters.databases import database_of
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement
register(DuckDBHook)
register(MySqlHook)

def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0])

store, sql = json.loads(sys.argv[1])
os.environ["AIRFLOW_CONN_WAREHOUSE"] = json.dumps(store)
idle = peak()
database = database_of(Connection.get("warehouse"), away=SourceError)
number = sum(1 for _ in rows_of_sql(database, Statement(sql), ["id", "name"]))
print(json.dumps([number, peak() - idle]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.long
def test_a_million_rows_take_less_than_200_mb(store: Store, kind: str) -> None:
    given = json.dumps([store, NUMBERS[kind].format(1_000_000)])
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(
        [sys.executable, "-c", MEMORY, given], env=env, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
    number, kilobytes = json.loads(found.stdout.splitlines()[-1])
    assert number == 1_000_000
    assert kilobytes < 200_000, f"{kilobytes} kB over idle"
