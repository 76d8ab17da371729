"""What a database says of a query that fails, as far as its words cannot hold data.

Told are errors of the query itself: a relation, a column, a function, a right that is not there, a mistake
in the syntax. Whatever fails on a value (a cast, a date, a check) is named by its class and code alone, for
its words repeat the value. Names are told where they look like names and stand in the query; the rest is
written as "…".
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable

from airflow_profile_provider.outages import mysql_code

_LINE = re.compile(r"\bLINE (\d+):")
_NAME = re.compile(r"[^\W\d][\w$]*(\.[^\W\d][\w$]*){0,3}")
_QUOTED = re.compile(r"""(["'`])(.*?)\1""", re.DOTALL)
_SAFE = re.compile(r"[\w$.,()\[\]=<>*/+|&!~%^#?:;…\"'`-]+")
_AFTER_COLON = re.compile(r"^(no such [\w ]+|ambiguous column name): (.+)$", re.DOTALL)
_WITH_NAME = re.compile(r"\bwith name ([^\"\s]+)")
_DIGITS = re.compile(r"\d{5}")
_LONGEST = 300

_RIGHT = re.compile(
    r"permission denied for (table|view|materialized view|sequence|schema|function|foreign table|relation) "
    r"\"?[\w.$]+\"?"
)
_SQLITE = re.compile(
    r"no such (table|column|function|module|collation sequence|index): .+"
    r"|near \".*?\": syntax error|incomplete input|ambiguous column name: .+"
    r"|wrong number of arguments to function \w+\(\)|misuse of (aggregate|window function).*"
    r"|SELECTs to the left and right of \w+( \w+)* do not have the same number of result columns"
    r"|no tables specified|a GROUP BY clause is required before HAVING"
    r"|Incorrect number of bindings supplied\. .*|You did not supply a value for binding .*"
    r"|You can only execute one statement at a time\.|sub-select returns \d+ columns - expected \d+",
    re.DOTALL,
)
_MYSQL = {
    1046: r"No database selected",
    1049: r"Unknown database '[^']*'",
    1051: r"Unknown table '[^']*'",
    1052: r"Column '[^']*' in [\w ]+ is ambiguous",
    1054: r"Unknown column '[^']*'",
    1055: r".*not in GROUP BY.*",
    1060: r"Duplicate column name '[^']*'",
    1109: r"Unknown table '[^']*' in [\w ]+",
    1146: r"Table '[^']*' doesn't exist",
    1222: r"The used SELECT statements have a different number of columns",
    1242: r"Subquery returns more than 1 row",
    1305: r"(FUNCTION|PROCEDURE) \S+ does not exist",
    1356: r"View '[^']*' references invalid .*",
    1582: r"Incorrect parameter count in the call to native function '[^']*'",
    1630: r"FUNCTION \S+ does not exist.*",
}
"""Codes of MySQL and MariaDB whose words hold names alone, and those words."""
_MYSQL_SYNTAX = re.compile(r"near '([^\W\d]\w{0,40})?.*' at line (\d+)", re.DOTALL)
_MYSQL_RIGHT = re.compile(r"(\w+) command denied to user .* for (table|column|routine) (\S+)", re.DOTALL)
_DUCKDB = frozenset({"CatalogException", "BinderException", "ParserException", "SyntaxException"})


def error_name(error: BaseException) -> str:
    """Name what a database raised by type and code."""
    cause = getattr(error, "orig", None) or error
    codes = (getattr(cause, name, None) for name in ("sqlstate", "pgcode", "sqlite_errorname", "errno"))
    code = mysql_code(cause) or next((found for found in codes if isinstance(found, str | int)), "")
    return f"{type(cause).__name__} {code}".rstrip()


def told(error: BaseException, query: str, hidden: Iterable[str] = ()) -> str:
    """Return a database's own first line on a query, or nothing where it may hold data.

    A name is told only if the query has it, for a function may take a name from a row. ``hidden`` are the
    query's parameters: where one of them stands in the line, it is written as "…".
    """
    cause = getattr(error, "orig", None) or error
    words = _words(cause)
    if not words:
        return ""
    known = None if " denied for " in words else query.casefold()  # behind a view are other tables
    line = " ".join(words.split()).rstrip("!. ")
    line = _named(line, known, frozenset(text.casefold() for text in hidden))
    if len(line) > _LONGEST:
        return ""
    place = _LINE.search(str(cause))
    return f"{line}, in line {place[1]}" if place else line


def _words(cause: BaseException) -> str:
    """Return the words of an error that is the query's own."""
    module = type(cause).__module__.partition(".")[0].lstrip("_").lower()
    words = getattr(cause, "msg", None)  # of MySQL's own driver
    words = words if isinstance(words, str) else str(next(reversed(cause.args), ""))
    if module.startswith("psycopg"):
        return _postgres(cause)
    if isinstance(cause, sqlite3.Error):
        return _AFTER_COLON.sub(r'\1: "\2"', words) if _SQLITE.fullmatch(words) else ""
    if module == "duckdb":
        first = words.partition("\n")[0].partition(": ")[2]
        return _WITH_NAME.sub(r'with name "\1"', first) if type(cause).__name__ in _DUCKDB else ""
    code = mysql_code(cause)
    return "" if code is None else _mysql(code, words)


def _postgres(cause: BaseException) -> str:
    """Only what is found while the query is read has a place in its text; what a value does has none."""
    found = getattr(cause, "diag", None)
    state, words = getattr(found, "sqlstate", None) or "", getattr(found, "message_primary", None) or ""
    of_the_query = state[:2] == "42" and getattr(found, "statement_position", None)
    return words if of_the_query or (state == "42501" and _RIGHT.fullmatch(words)) else ""


def _mysql(code: int, words: str) -> str:
    if code == 1064 and (found := _MYSQL_SYNTAX.search(words)):  # it goes on with the rest of the query
        near = f' at or near "{found[1]}"' if found[1] else ""
        return f"syntax error{near}, in line {found[2]}"
    if code in {1142, 1143, 1370} and (found := _MYSQL_RIGHT.match(words)):  # names the login, too
        return f"{found[1]} command denied for {found[2]} {found[3]}"
    known = _MYSQL.get(code)
    found = re.match(known, words, re.DOTALL) if known else None
    return found[0] if found else ""


def _named(line: str, query: str | None, hidden: frozenset[str]) -> str:
    """Write as "…" what is in quotes and no name of the query, what no name is made of, and parameters."""

    def shown(found: re.Match[str]) -> str:
        name = found[2]
        sign = len(name) < 3 and not name.isalnum() and name.isascii()  # of the syntax, such as ")"
        own = query is None or name.rpartition(".")[2].casefold() in query
        fits = own and name.casefold() not in hidden and (_NAME.fullmatch(name) or sign)
        return found[0] if fits else f"{found[1]}…{found[1]}"

    parts = []
    for word in _QUOTED.sub(shown, line).split(" "):
        bare = word.strip("\"'`.,;:()!")
        fits = not word or (_SAFE.fullmatch(word) and not _DIGITS.search(word))
        parts.append(word if fits and bare.casefold() not in hidden else "…")
    return " ".join(parts)
