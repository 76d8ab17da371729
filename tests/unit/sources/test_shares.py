"""What a share reads of its source: all that is in it, and where the source can tell, little else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_profile_provider.adapters.files import open_file
from airflow_profile_provider.errors import SourceError
from airflow_profile_provider.mapping.field_mapping import FieldMapping
from airflow_profile_provider.mapping.mapper import Mapper
from airflow_profile_provider.records import Row
from airflow_profile_provider.sources.files import rows_of_parts
from airflow_profile_provider.sources.partition import Part, in_partition, rows_in_partition
from airflow_profile_provider.sources.reading import Reading
from airflow_profile_provider.sources.sql import rows_of_sql
from airflow_profile_provider.sources.statements import Statement
from airflow_profile_provider.vendors.base import Access
from airflow_profile_provider.vendors.ocamba import Ocamba

from .conftest import Opened

SHARES = 4
ODD = [
    "007",
    "7",
    " 7",
    "Ada",
    "ada",
    "ADA",
    ".",
    "..",
    "",
    "é",
    "É",
    "a b",
    "a'b",
    "-5",
    "%s",
    "\u0001",
    "ﬁ",
]


def mapper(**more: Any) -> Mapper:
    return Mapper(
        Ocamba(Access("http://127.0.0.1")), FieldMapping(key="id", fields={"full_name": "name"}, **more)
    )


def values(keys: list[str]) -> str:
    """A query of these keys, in order, that each of the databases takes."""
    quoted = ["null" if key is None else "'" + key.replace("'", "''") + "'" for key in keys]
    selects = [f"select {at} as place, {key} as id, 'x' as name" for at, key in enumerate(quoted)]
    return f"select id, name from ({' union all '.join(selects)}) as given order by place"


def read(database: Opened, sql: str, share: int | None, parameters: Any = None) -> list[Row]:
    part = None if share is None else Part((share, SHARES), "id")
    return list(rows_of_sql(database, Statement(sql, parameters), ["id", "name"], part))


def shares(
    database: Opened, sql: str, parameters: Any = None, **more: Any
) -> Iterator[tuple[list[Row], list[Row]]]:
    """Of each share, the rows that it should have and those that it has."""
    key_in = mapper(**more).profile_in
    whole = read(database, sql, None, parameters)
    for share in range(SHARES):
        given = (share, SHARES)
        narrowed = read(database, sql, share, parameters)
        yield list(rows_in_partition(whole, given, key_in)), list(rows_in_partition(narrowed, given, key_in))


NUMBERS = {
    "sqlite": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000) "
    "select i as id, 'x' as name from n",
    "postgres": "select i as id, 'x' as name from generate_series(1, 2000) as i",
    "mysql": "with recursive n(i) as (select 1 union all select i + 1 from n where i < 900) "
    "select i as id, 'x' as name from n",
    "duckdb": "select i as id, 'x' as name from range(1, 2001) as r(i)",
}


def test_shares_have_the_rows_that_they_have_without_the_databases_help(database: Opened, kind: str) -> None:
    for sql in (NUMBERS[kind], values([key for key in ODD if kind != "mysql" or key.isascii()])):
        for should, has in shares(database, sql):
            assert has == should


def test_a_share_reads_little_more_than_its_own_rows(database: Opened, kind: str) -> None:
    handed_out = [len(read(database, NUMBERS[kind], share)) for share in range(SHARES)]
    whole = len(read(database, NUMBERS[kind], None))
    assert sum(handed_out) == whole + SHARES - 1


def test_keys_that_are_exact_fall_to_the_shares_of_their_own_text(database: Opened, kind: str) -> None:
    sql = values([key for key in ODD if kind != "mysql" or key.isascii()])
    for should, has in shares(database, sql, exact_keys=True):
        assert has == should


@pytest.mark.parametrize(
    "expression", ["1.5", "5.0", "cast(7 as decimal)", "1e3", "null", "date('2026-01-02')"]
)
def test_keys_that_are_neither_text_nor_whole_numbers_are_left_to_whoever_reads_on(
    database: Opened, kind: str, expression: str
) -> None:
    for should, has in shares(database, f"select {expression} as id, 'x' as name"):
        assert has == should


@pytest.mark.parametrize("expression", ["true", "'{}'::json", "'\\x00ff'::bytea", "'a'::char(5)", "array[1]"])
def test_no_type_of_postgres_is_in_the_way(postgres: dict[str, Any], expression: str) -> None:
    from airflow.sdk import Connection

    from airflow_profile_provider.adapters.databases import database_of

    database = database_of(Connection(conn_id="app", **postgres), away=SourceError)
    try:
        for should, has in shares(
            database, f"select {expression} as id, 'x' as name from generate_series(1, 9)"
        ):
            assert has == should
    finally:
        database.close()


def test_text_that_is_none_is_left_to_whoever_reads_on(tmp_path: Path) -> None:
    import sqlite3

    from airflow.sdk import Connection

    from airflow_profile_provider.adapters.databases import database_of

    with sqlite3.connect(tmp_path / "app.db") as raw:
        raw.execute("create table people (id text, name text)")
        raw.executemany(
            "insert into people values (cast(? as text), 'x')", [(b"\xff",), (b"a",), (b"b",), (b"c",)]
        )
    raw.close()
    database = database_of(
        Connection(conn_id="app", conn_type="sqlite", host=str(tmp_path / "app.db")), away=SourceError
    )
    try:
        for should, has in shares(database, "select id, name from people"):
            assert [row.position for row in has] == [row.position for row in should]
    finally:
        database.close()


@pytest.mark.parametrize(
    "sql", ["select id, name from nowhere", "select 1 as id", "select 1 as id, 2 as id, 3 as name"]
)
def test_a_query_that_fails_says_what_it_says_without_shares(database: Opened, sql: str) -> None:
    with pytest.raises(SourceError) as whole:
        read(database, sql, None)
    with pytest.raises(SourceError) as share:
        read(database, sql, 1)
    assert str(share.value) == str(whole.value)


def test_a_query_without_rows_has_none(database: Opened) -> None:
    assert read(database, "select 1 as id, 'x' as name where 1 = 0", 1) == []


@pytest.mark.parametrize(
    "sql",
    [
        "select 'a%b' as id, 'x' as name -- 100 %s of it",
        "with given as (select 'b' as id, 'x' as name) select id, name from given order by id limit 5",
        "values ('c', 'x')",
    ],
)
def test_any_query_can_be_asked(database: Opened, kind: str, sql: str) -> None:
    if sql.startswith("values"):
        if kind != "postgres":
            pytest.skip("names its columns in another way")
        sql = "select column1 as id, column2 as name from (values ('c', 'x'), ('d', 'x')) as \"given\""
    for should, has in shares(database, sql):
        assert has == should


def test_parameters_go_with_the_query(database: Opened, kind: str) -> None:
    if kind not in {"postgres", "sqlite"}:
        pytest.skip("has no help of its own")
    mark = "%(name)s" if kind == "postgres" else ":name"
    for should, has in shares(database, f"select 'a' as id, {mark} as name", {"name": "50 %"}):
        assert has == should
        assert all(row.content["name"] == "50 %" for row in has)


def test_part_files_hand_out_the_rows_of_a_share_at_their_own_positions(tmp_path: Path) -> None:
    """And the first and the last of a thousand, from which the others are counted."""
    paths = []
    for file in range(3):
        paths.append(str(tmp_path / f"{file}.parquet"))
        keys = [f"person-{file}-{number}" for number in range(1500)] + ODD
        pq.write_table(pa.table({"id": keys, "name": ["x"] * len(keys)}), paths[-1])
    how, key_in = Reading(columns=["id", "name"]), mapper().profile_in
    whole = list(rows_of_parts(paths, open_file, how))
    for share in range(SHARES):
        given = (share, SHARES)
        found = list(rows_of_parts(paths, open_file, how, part=Part(given, "id")))
        assert len(found) < 0.3 * len(whole)
        assert list(rows_in_partition(found, given, key_in)) == list(rows_in_partition(whole, given, key_in))


@given(st.text() | st.integers() | st.sampled_from(ODD), st.integers(1, 9), st.booleans())
def test_no_row_of_a_share_is_ever_left_out(key: Any, number: int, exact: bool) -> None:
    content: Mapping[str, Any] = {"id": key}
    profile = mapper(exact_keys=exact).profile_in(content)
    for share in range(number):
        if profile is not None and in_partition(profile, (share, number)):
            assert Part((share, number), "id").may_hold(key)
        if profile is None:
            assert Part((share, number), "id").may_hold(key)
