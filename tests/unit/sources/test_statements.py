"""The text of a query: what is sent of it, and what is refused before a database is asked."""

from __future__ import annotations

import pytest

from airflow_profile_provider.errors import ConfigurationError
from airflow_profile_provider.sources.statements import Statement


@pytest.mark.parametrize(
    ("sql", "sent"),
    [
        ("select 1", "select 1"),
        ("select 1;", "select 1"),
        ("select 1 ;\n ;\t", "select 1"),
        ("select 1; -- the end", "select 1"),
        ("select 1;\n/* the\nend */ -- of it\n", "select 1"),
        ("-- people\nselect 1 -- of this month", "-- people\nselect 1 -- of this month"),
        ("\n\nselect 1\n", "\n\nselect 1"),
        (" ; select 1", "select 1"),
        ("select ';' as x", "select ';' as x"),
        ('select ";" as x', 'select ";" as x'),
        ("select `;` as x;", "select `;` as x"),
        ("select 'it''s; x' as x", "select 'it''s; x' as x"),
        ("select $$a; b$$ as x;", "select $$a; b$$ as x"),
        ("select 1 -- ; not yet\n, 2;", "select 1 -- ; not yet\n, 2"),
        ("select 1 /* ; not yet */, 2;", "select 1 /* ; not yet */, 2"),
        ("with x as (select 1) select * from x", "with x as (select 1) select * from x"),
        ("select 5 as \"delete\", 'drop' as b", "select 5 as \"delete\", 'drop' as b"),
    ],
)
def test_a_query_is_sent_as_it_is_written_up_to_its_semicolon(sql: str, sent: str) -> None:
    assert Statement.of(sql).text == sent


@pytest.mark.parametrize(
    "sql",
    [
        r"select 'it\'s; x' as x, 'y;z'",  # MySQL: one text
        "select '''it's; x''' as x",  # BigQuery
        "select $body$a; b$body$ as x",  # PostgreSQL
        "select a # one; two\nfrom t",  # MySQL: a comment; PostgreSQL: an operator
        r"select E'it\'s; x' as x",
        "select 1 /* outer /* inner */ ; still a comment */",
    ],
)
def test_what_databases_read_in_two_ways_is_left_to_them(sql: str) -> None:
    assert Statement.of(sql).text == sql


@pytest.mark.parametrize("sql", ["", " \n\t", ";", ";;\n;", "-- select 1", "/* select 1 */ ; -- no"])
def test_a_query_of_nothing_is_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="sql is empty, or holds nothing but comments"):
        Statement.of(sql)


@pytest.mark.parametrize(
    "sql", ["select 1; select 2", "set role reader; select 1", "select ';'; select 2;", "use x;\nselect 1"]
)
def test_several_statements_are_refused(sql: str) -> None:
    with pytest.raises(ConfigurationError, match="sql holds several statements"):
        Statement.of(sql)


@pytest.mark.parametrize("word", ["delete", "DROP", "Insert", "update", "create", "truncate", "merge"])
def test_what_changes_the_database_is_refused_by_name(word: str) -> None:
    with pytest.raises(ConfigurationError, match=f"sql must be a query: {word.lower()} returns no rows"):
        Statement.of(f"-- now\n {word} something where name = 'S3cr3t'")


def test_the_name_of_a_file_that_nobody_read_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="sql is the name of a file"):
        Statement.of("queries/people.sql")


def test_comments_that_never_end_cost_no_time() -> None:
    sql = "select 1 /* " + "/* */" * 40 + "/* "
    assert Statement.of(sql).text == sql.rstrip()


def test_parameters_are_not_shown() -> None:
    assert "S3cr3t" not in repr(Statement.of("select ?", ["S3cr3t"]))


@pytest.mark.parametrize("parameters", [None, {}, []])
def test_no_parameters_are_none(parameters: dict[str, str] | list[str] | None) -> None:
    """Else a driver would read every % of the query as one."""
    assert Statement.of("select 1", parameters).parameters is None
