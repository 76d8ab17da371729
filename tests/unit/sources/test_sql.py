"""Rows of a query in SQLite and PostgreSQL: a stream, exact, and loud about what it cannot read."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from airflow.sdk import Connection
from postgres import private_postgres
from sqlalchemy import Engine

from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.errors import InvalidRecord, SourceError
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.database_errors import error_name
from airflow_profile_provider.sources.engines import EngineDatabase
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement
from airflow_profile_provider.values import exact_key, is_null, plain

NUMBERS = {
    "postgres": "select i as id, 'name ' || i as name from generate_series(1, {}) as i",
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) "
    "select i as id, 'name ' || i as name from n",
}
FAILING = {
    "postgres": "select i as id, 1 / (2500 - i) as x from generate_series(1, 5000) as i",
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 5000) "
    "select i as id, abs(case i when 2500 then -9223372036854775807 - 1 else i end) as x from n",
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    file = str(tmp_path_factory.mktemp("sqlite") / "source.db")
    with private_postgres(tmp_path_factory.mktemp("postgres")) as postgres:
        yield {"sqlite": {"conn_type": "sqlite", "host": file}, "postgres": postgres}


@pytest.fixture(scope="module")
def engines(stores: dict[str, dict[str, Any]]) -> Iterator[dict[str, Engine]]:
    found = {name: engine_of(Connection(conn_id=name, **store)) for name, store in stores.items()}
    yield found
    for engine in found.values():
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgres"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(engines: dict[str, Engine], kind: str) -> Engine:
    return engines[kind]


@pytest.fixture
def postgres(engines: dict[str, Engine]) -> Engine:
    return engines["postgres"]


def rows_of(engine: Engine, sql: str, columns: list[str] | None, **parameters: Any) -> Generator[Row]:
    return rows_of_sql(
        EngineDatabase(engine), Statement(sql.strip().rstrip("; \n"), parameters or None), columns
    )


def read(engine: Engine, sql: str, columns: list[str] | None = None) -> list[Row]:
    return list(rows_of(engine, sql, columns))


def count(engine: Engine, sql: str, seconds: float = 5.0) -> int | None:
    return EngineDatabase(engine).count(Statement(sql), seconds)


def only(engine: Engine, sql: str) -> Any:
    """Return the single value of a query."""
    (row,) = read(engine, f"select {sql} as x")
    return row.content["x"]


def test_rows_are_numbered_from_1_and_have_the_columns_by_name(engine: Engine, kind: str) -> None:
    first, second = read(engine, NUMBERS[kind].format(2))
    assert (first.position, first.content, first.text) == (1, {"id": 1, "name": "name 1"}, False)
    assert second.position == 2


def test_only_the_columns_that_are_needed_are_kept(engine: Engine) -> None:
    (row,) = read(engine, "select 1 as id, 2 as other, 3 as name", ["name", "id"])
    assert row.content == {"name": 3, "id": 1}


def test_a_query_without_rows_yields_none(engine: Engine) -> None:
    assert read(engine, "select 1 as id where 1 = 0", ["id"]) == []


def test_a_column_that_is_missing_is_named_with_those_that_are_there(engine: Engine) -> None:
    """Even when there is no row to look at."""
    with pytest.raises(SourceError, match="the query has no column 'mail'; it has 2 columns"):
        read(engine, "select 1 as id, 2 as name where 1 = 0", ["id", "mail"])


def test_a_needed_column_that_comes_twice_is_refused(engine: Engine) -> None:
    """As in a join with select *: which of the two is meant is unknown."""
    with pytest.raises(SourceError, match="column 'id' more than once"):
        read(engine, "select 1 as id, 2 as id, 3 as name", ["id", "name"])
    assert len(read(engine, "select 1 as id, 2 as x, 3 as x", ["id"])) == 1


@pytest.mark.parametrize(
    "sql",
    [
        "select 'a%b %s %(x)s :name 12:30' as x",
        " select 'a%b %s %(x)s :name 12:30' as x ;\n; ",
        "-- a comment; first\nselect 'a%b %s %(x)s :name 12:30' as x -- and last",
    ],
)
def test_a_query_reaches_the_database_as_it_is_written(engine: Engine, sql: str) -> None:
    assert [row.content for row in read(engine, sql)] == [{"x": "a%b %s %(x)s :name 12:30"}]


def test_a_query_that_fails_is_an_error_of_the_source_without_its_values(engine: Engine) -> None:
    with pytest.raises(SourceError, match=r"the query failed \(\w+.*\)") as caught:
        read(engine, "select 'S3cr3t' as x from nowhere where y = 'S3cr3t'")
    assert "S3cr3t" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_error_half_way_comes_after_the_rows_before_it(engine: Engine, kind: str) -> None:
    rows = rows_of(engine, FAILING[kind], ["id"])
    assert sum(1 for _ in islice(rows, 2000)) == 2000
    with pytest.raises(SourceError, match=r"failed after 2,\d+ rows"):
        list(rows)


def test_a_connection_that_breaks_half_way_is_an_error_of_the_source(postgres: Engine) -> None:
    sql = (
        "select pg_backend_pid() as pid, case when i > 3000 then pg_sleep(9)::text end as slow "
        "from generate_series(1, 4000) as i"
    )
    rows = rows_of(postgres, sql, None)
    pid = next(rows).content["pid"]
    assert only(postgres, f"pg_terminate_backend({pid})") is True
    with pytest.raises(
        SourceError, match=r"failed after [\d,]+ rows \((AdminShutdown 57P01|OperationalError)\)"
    ):
        list(rows)
    assert only(postgres, "1") == 1, "the engine connects anew"


def test_a_slow_reader_does_not_hold_the_session_idle(stores: dict[str, dict[str, Any]]) -> None:
    """Kind 10: the database ends a session that idles in its transaction for a second."""
    leash = {"options": "-c idle_in_transaction_session_timeout=1s -c statement_timeout=5s"}
    engine = engine_of(Connection(conn_id="x", **{**stores["postgres"], "extra": json.dumps(leash)}))
    rows = rows_of(engine, NUMBERS["postgres"].format(50_000), ["id", "name"])
    found = [next(rows).content["id"]]
    time.sleep(1.6)
    found += [row.content["id"] for row in rows]
    engine.dispose()
    assert found == list(range(1, 50_001))


def test_a_reader_that_stops_early_gives_the_connection_back(engine: Engine, kind: str) -> None:
    rows = rows_of(engine, NUMBERS[kind].format(5000), None)
    next(rows)
    assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
    rows.close()
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]


@pytest.mark.parametrize("statement", ["delete from kept", "drop table kept", "update kept set id = 2"])
def test_a_statement_that_is_no_query_is_refused_and_changes_nothing(
    stores: dict[str, dict[str, Any]], engine: Engine, kind: str, statement: str
) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table if exists kept")
        connection.exec_driver_sql("create table kept as select 1 as id")
    source = engine_of(Connection(conn_id="source", **stores[kind]), create=False)
    with pytest.raises(SourceError):
        read(source, statement)
    source.dispose()
    assert [row.content for row in read(engine, "select id from kept")] == [{"id": 1}]


MEMORY = """
import sys, json
from airflow.sdk import Connection
from airflow_profile_provider.adapters.databases import engine_of
from airflow_profile_provider.sources.engines import EngineDatabase
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement

def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0])

store, few, many = json.loads(sys.argv[1])
engine = EngineDatabase(engine_of(Connection(conn_id="x", **store)))
few, many = Statement(few), Statement(many)
assert sum(1 for _ in rows_of_sql(engine, few, ["id", "name"])) == 5000
before = peak()
print(json.dumps([sum(1 for _ in rows_of_sql(engine, many, ["id", "name"])), peak() - before]))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from Linux's /proc")
@pytest.mark.long
def test_memory_does_not_grow_with_a_million_rows(stores: dict[str, dict[str, Any]], kind: str) -> None:
    given = json.dumps([stores[kind], NUMBERS[kind].format(5000), NUMBERS[kind].format(1_000_000)])
    found = subprocess.run([sys.executable, "-c", MEMORY, given], capture_output=True, text=True, check=True)
    number, kilobytes = json.loads(found.stdout.splitlines()[-1])
    assert number == 1_000_000
    assert kilobytes < 8_000, f"{kilobytes} kB more than for 5,000 rows"


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1])
def test_an_integer_key_keeps_every_digit(engine: Engine, number: int) -> None:
    assert exact_key(only(engine, str(number))) == str(number)


@pytest.mark.parametrize(
    ("sql", "key"),
    [
        ("'17430755068736100383'::numeric(20)", "17430755068736100383"),
        ("'6F1C3A52-0D3E-4A55-9F0E-3D2B1C0A9E8F'::uuid", "6f1c3a52-0d3e-4a55-9f0e-3d2b1c0a9e8f"),
        ("'a '::char(3)", "a  "),
    ],
)
def test_a_key_of_postgresql_is_exact(postgres: Engine, sql: str, key: str) -> None:
    assert exact_key(only(postgres, sql)) == key


@pytest.mark.parametrize("sql", ["5::float8", "true", "null", "'\\x35'::bytea", "5.5"])
def test_what_cannot_be_an_exact_key_is_invalid(postgres: Engine, sql: str) -> None:
    with pytest.raises(InvalidRecord):
        exact_key(only(postgres, sql))


@pytest.mark.parametrize(
    ("sql", "value", "written"),
    [
        ("1.50::numeric(9,2)", Decimal("1.50"), "1.50"),
        ("2::numeric", Decimal(2), 2),
        ("date '2026-01-02'", date(2026, 1, 2), "2026-01-02"),
        ("timestamp '2026-01-02 03:04'", datetime(2026, 1, 2, 3, 4), "2026-01-02T03:04:00"),
        ("true", True, True),
        ("0.5::float8", 0.5, 0.5),
        ("array['a', null]", ["a", None], ["a", None]),
        ("'{\"a\": [1, 9007199254740993]}'::json", {"a": [1, 2**53 + 1]}, {"a": [1, 2**53 + 1]}),
        ("'[true]'::jsonb", [True], [True]),
        ("'6f1c3a52-0d3e-4a55-9f0e-3d2b1c0a9e8f'::uuid", UUID("6f1c3a52-0d3e-4a55-9f0e-3d2b1c0a9e8f"), None),
    ],
)
def test_types_of_postgresql_are_written_as_json(
    postgres: Engine, sql: str, value: Any, written: Any
) -> None:
    found = only(postgres, sql)
    assert (type(found), found) == (type(value), value)
    assert plain(found) == (str(value) if written is None else written)


def test_an_instant_of_postgresql_keeps_its_offset(postgres: Engine) -> None:
    found = only(postgres, "timestamptz '2026-01-02 03:04+00'")
    assert found == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert datetime.fromisoformat(plain(found)) == found


@pytest.mark.parametrize("sql", ["'NaN'::float8", "'NaN'::numeric", "null", "null::date", "null::json"])
def test_nan_is_null_as_nothing_is(postgres: Engine, sql: str) -> None:
    assert is_null(only(postgres, sql))


@pytest.mark.parametrize(
    "sql",
    ["'Infinity'::float8", "'Infinity'::numeric", "'\\x0001'::bytea", "interval '1 day'", "inet '::1'"],
)
def test_what_json_cannot_hold_makes_its_record_invalid(postgres: Engine, sql: str) -> None:
    with pytest.raises(InvalidRecord):
        plain(only(postgres, sql))


def test_a_blob_makes_its_record_invalid(engines: dict[str, Engine]) -> None:
    with pytest.raises(InvalidRecord, match="bytes"):
        plain(only(engines["sqlite"], "x'0001'"))


def test_a_memoryview_is_no_list_of_numbers(engines: dict[str, Engine]) -> None:
    """Some drivers give their binary columns so."""
    from sqlalchemy import event

    def as_memoryview(raw: Any, _: Any) -> None:
        raw.row_factory = lambda cursor, values: tuple(map(memoryview, values))

    engine = engine_of(Connection(conn_id="x", conn_type="sqlite", host=engines["sqlite"].url.database[5:]))
    engine.dispose()
    event.listen(engine, "connect", as_memoryview)
    with pytest.raises(InvalidRecord, match="bytes"):
        plain(only(engine, "x'0001'"))
    engine.dispose()


def test_sqlite_gives_what_it_stores(engines: dict[str, Engine]) -> None:
    """It has no dates, decimals, booleans or JSON: they are text and numbers, as they were written."""
    with engines["sqlite"].begin() as connection:
        connection.exec_driver_sql("create table t (d date, b boolean, n decimal(9, 2), j json)")
        connection.exec_driver_sql("insert into t values ('2026-01-02', true, 1.5, '[1]')")
    (row,) = read(engines["sqlite"], "select * from t")
    assert row.content == {"d": "2026-01-02", "b": 1, "n": 1.5, "j": "[1]"}


@pytest.mark.parametrize(
    "sql",
    [
        "date 'infinity'",
        "timestamp '-infinity'",
        "timestamptz 'infinity'",
        "date '10000-01-01'",
        "date '0044-03-15 BC'",
        "timestamp '12345-01-01 00:00'",
        "time '24:00'",
        "array[date '2026-01-02', 'infinity']",
        "('[' || repeat('9', 5000) || ']')::json",
    ],
)
def test_a_value_that_python_has_not_spoils_only_its_own_record(postgres: Engine, sql: str) -> None:
    """Case 6a: the rows before it and after it are read, wherever in the query it is."""
    query = f"select i as id, case i when 2500 then {sql} end as x from generate_series(1, 3000) as i"
    rows = read(postgres, query, ["id", "x"])
    assert [row.position for row in rows] == list(range(1, 3001))
    (odd,) = [row for row in rows if row.problem]
    assert (odd.position, odd.content["id"]) == (2500, 2500)
    assert odd.problem.startswith("column x: holds ")


@pytest.mark.parametrize("where", [1, 150, 2500])
def test_text_of_sqlite_that_is_no_text_spoils_only_its_own_record(tmp_path: Path, where: int) -> None:
    engine = engine_of(Connection(conn_id="x", conn_type="sqlite", host=str(tmp_path / "x.db")))
    with engine.begin() as connection:
        connection.exec_driver_sql("create table t (id integer primary key, name text)")
        connection.exec_driver_sql(
            "insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) "
            f"select i, case i when {where} then cast(x'ff41' as text) else 'name' end from n"
        )
    rows = read(engine, "select id, name from t order by id", ["id", "name"])
    engine.dispose()
    assert [row.content["id"] for row in rows] == list(range(1, 3001))
    assert [row.position for row in rows if row.problem] == [where]
    assert "not UTF-8" in rows[where - 1].problem


def test_a_count_is_what_the_query_returns(engine: Engine, kind: str) -> None:
    assert count(engine, NUMBERS[kind].format(1234)) == 1234
    assert count(engine, "select 1 as id -- '%' :x") == 1


@pytest.mark.parametrize(("kind", "place"), [("sqlite", "?"), ("postgres", "%s")])
def test_a_query_is_counted_with_its_parameters(engines: dict[str, Engine], kind: str, place: str) -> None:
    sql = f"select * from ({NUMBERS[kind].format(1234)}) as p where id > {place}"
    assert EngineDatabase(engines[kind]).count(Statement.of(sql, [1000])) == 234


@pytest.mark.parametrize("sql", ["select * from nowhere", "", "delete from nowhere", "select 1; select 2"])
def test_a_query_that_cannot_be_counted_is_not(engine: Engine, sql: str) -> None:
    assert count(engine, sql) is None


def test_a_count_that_takes_too_long_is_given_up(engine: Engine, kind: str) -> None:
    assert count(engine, NUMBERS[kind].format(200_000_000), seconds=0.2) is None
    assert count(engine, NUMBERS[kind].format(20_000), seconds=20) == 20_000, "the limit is lifted"


def test_an_error_is_named_by_type_and_code(engines: dict[str, Engine]) -> None:
    names = []
    for engine in engines.values():
        with pytest.raises(Exception, match="nowhere") as caught, engine.connect() as connection:
            connection.exec_driver_sql("select * from nowhere")
        names.append(error_name(caught.value))
    assert names == ["OperationalError SQLITE_ERROR", "UndefinedTable 42P01"]
