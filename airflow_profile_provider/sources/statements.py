"""A query as it is sent: one statement, and the values that its driver binds to it.

SQL has many dialects, which quote and comment in two ways. What both ways read alike is judged here; for the
rest the query goes to its database as it was written, and that one says what is wrong with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from airflow_profile_provider.errors import ConfigurationError

Parameters = Mapping[str, Any] | Sequence[Any]
"""Values by name, or in order."""

_STANDARD = re.compile(
    r"""(?P<blank> \s+ | --[^\n]* | /\*(?:(?!\*/|/\*). | (?>/\*.*?\*/))*+(?:\*/|\Z))
    | [eE]'(?:[^'\\]|\\.|'')*'? | '[^']*'? | "[^"]*"? | `[^`]*`?
    | (?P<tag>\$(?:[^\W\d]\w*)?\$).*?(?:(?P=tag)|\Z)
    | (?P<end>;) | \w+ | .""",
    re.VERBOSE | re.DOTALL,
)
"""PostgreSQL, SQLite, DuckDB: a quote is doubled within quotes, and text may stand between dollar signs."""

_ESCAPED = re.compile(
    r"""(?P<blank> \s+ | --[^\n]* | \#[^\n]* | /\*.*?(?:\*/|\Z))
    | '''.*?(?:'''|\Z) | \"\"\".*?(?:\"\"\"|\Z) | \$\$.*?(?:\$\$|\Z)
    | '(?:[^'\\]|\\.)*'? | "(?:[^"\\]|\\.)*"? | `[^`]*`?
    | (?P<end>;) | \w+ | .""",
    re.VERBOSE | re.DOTALL,
)
"""MySQL, BigQuery, Snowflake, Databricks: a backslash takes the next sign as it is; # may be a comment."""

_CHANGES = frozenset(
    "insert update delete merge upsert replace drop create alter truncate rename grant revoke copy load "
    "vacuum commit rollback attach detach".split()
)
_FILE = re.compile(r"\s*\S+\.sql\s*")


@dataclass(frozen=True)
class Statement:
    """One statement, and its parameters if it has any: the driver binds them, in its own style."""

    text: str
    parameters: Parameters | None = field(default=None, repr=False)

    @classmethod
    def of(cls, sql: str, parameters: Parameters | None = None) -> Statement:
        """Read a query as it was given; a semicolon at its end, and what follows it, is left out.

        Blank lines before it stay, so that a database counts the lines as the user does.

        Raises:
            ConfigurationError: it is empty, the name of a file, no query, or several statements.
        """
        if _FILE.fullmatch(sql):
            raise ConfigurationError(
                "sql is the name of a file that nobody has read: an operator reads it from the folder of its "
                "DAG; a hook takes the text of the query"
            )
        given = _bound(parameters)
        one, other = _outline(sql, _STANDARD), _outline(sql, _ESCAPED)
        if one.begin is None and other.begin is None:
            raise ConfigurationError("sql is empty, or holds nothing but comments: give a query")
        if one != other or one.begin is None:
            return cls(sql.rstrip("; \t\r\n"), given)
        if one.more:
            raise ConfigurationError(
                "sql holds several statements, and a push reads the rows of one: give the query alone, and "
                "run what comes before it in a task of its own"
            )
        word = re.match(r"[\s(]*(\w+)", sql[one.begin :])
        if word and word[1].lower() in _CHANGES:
            raise ConfigurationError(
                f"sql must be a query: {word[1].lower()} returns no rows that could be pushed, and a push "
                "changes nothing in the database that it reads"
            )
        begin = one.begin if ";" in _code(sql[: one.begin]) else 0
        return cls(sql[begin : one.end].rstrip(), given)

    def hidden(self) -> Iterator[str]:
        """Return how the parameters may be written in what a database says."""
        given = self.parameters or ()
        for value in given.values() if isinstance(given, Mapping) else given:
            for part in value if isinstance(value, list | tuple) else [value]:
                yield str(part)


def _bound(parameters: Parameters | None) -> Parameters | None:
    """Return parameters as every driver takes them; those of nothing are none, so that a % stays one."""
    if not parameters:
        return None
    return dict(parameters) if isinstance(parameters, Mapping) else tuple(parameters)


@dataclass(frozen=True)
class _Outline:
    """Where the first statement begins and ends, and whether there is another one after it."""

    begin: int | None
    end: int
    more: bool


def _outline(sql: str, tokens: re.Pattern[str]) -> _Outline:
    begin, end = None, len(sql)
    for token in tokens.finditer(sql):
        if token["blank"]:
            continue
        if token["end"]:
            if begin is not None:
                end = min(end, token.start())
        elif begin is None:
            begin = token.start()
        elif token.start() > end:
            return _Outline(begin, end, more=True)
    return _Outline(begin, end, more=False)


def _code(sql: str) -> str:
    """Return text without its comments and blanks."""
    return "".join(token[0] for token in _STANDARD.finditer(sql) if not token["blank"])
