"""What an error of a driver means, also of drivers that are not installed here: by their names and codes."""

from __future__ import annotations

import pytest

from airflow_profile_provider.outages import outage_of
from airflow_profile_provider.sources.database_errors import error_name, told


def raised(module: str, name: str, *args: object, **members: object) -> Exception:
    """Return an error as a driver raises it."""
    error = type(name, (Exception,), {"__module__": module})(*args)
    for member, value in members.items():
        setattr(error, member, value)
    return error  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("module", "code", "passing"),
    [
        ("pymysql.err", 2003, True),
        ("MySQLdb", 2013, True),
        ("MySQLdb", 1040, True),
        ("pymysql.err", 1205, True),
        ("pymysql.err", 1290, True),
        ("mysql.connector.errors", 1053, True),
        ("pymysql.err", 1045, False),
        ("MySQLdb", 1049, False),
        ("MySQLdb", 1698, False),
        ("pymysql.err", 1142, False),
        ("pymysql.err", 1054, False),
        ("mysql.connector.errors", 2026, False),
    ],
)
def test_an_error_of_mysql_passes_by_its_code(module: str, code: int, passing: bool) -> None:
    """Not by its SQL state: half of them share one."""
    error = raised(module, "OperationalError", code, "words", sqlstate="HY000")
    assert outage_of(error).passing is passing
    assert outage_of(error).name == f"OperationalError {code}"


@pytest.mark.parametrize(
    ("module", "name", "words", "state"),
    [
        (
            "snowflake.connector.errors",
            "DatabaseError",
            "Incorrect username or password was specified.",
            "08001",
        ),
        ("databricks.sql.exc", "RequestError", "Error during request to server: Invalid access token.", None),
        ("trino.exceptions", "HttpError", "error 401: Unauthorized", None),
        ("redshift_connector.error", "OperationalError", "password authentication failed for user", None),
        ("pyodbc", "OperationalError", "Invalid credentials for the login", "28000"),
    ],
)
def test_a_login_that_any_driver_calls_wrong_is_final(
    module: str, name: str, words: str, state: str | None
) -> None:
    found = outage_of(raised(module, name, words, sqlstate=state))
    assert not found.passing
    assert "login and password" in found.remedy


@pytest.mark.parametrize("name", ["OperationalError", "InterfaceError"])
def test_a_connection_that_breaks_in_any_driver_passes(name: str) -> None:
    assert outage_of(raised("snowflake.connector.errors", name, "Connection reset", sqlstate=None)).passing


def test_the_words_of_mysqls_own_driver_are_read_where_it_has_them() -> None:
    words = "Table 'marts.nowhere' doesn't exist"
    error = raised(
        "mysql.connector.errors", "ProgrammingError", 1146, errno=1146, msg=words, sqlstate="42S02"
    )
    error.args = (1146, f"1146 (42S02): {words}", "42S02")
    assert error_name(error) == "ProgrammingError 1146"
    assert told(error, "select id from nowhere") == words


def test_the_words_of_other_drivers_are_not_told() -> None:
    error = raised(
        "snowflake.connector.errors",
        "ProgrammingError",
        "Numeric value 'Ada' is not recognized",
        errno=100038,
    )
    assert told(error, "select id from people") == ""
    assert error_name(error) == "ProgrammingError 100038"
