"""A DAG file with one push: written for people who go on with it, formatted, and with no value of a row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from airflow_profile_provider.cli.matching import NO_FIELD, Left, Match

_WIDTH = 88
"""What does not fit into so many columns gets a line each; formatters agree about that."""
_NAME = re.compile(r"[^\W\d][\w $.()/-]{0,63}")
"""What looks like a column's name; in a file without a header, the first row's values are in their place."""


@dataclass(frozen=True, kw_only=True)
class DagFile:
    """What goes into the file.

    ``operator`` is the class with its module, ``conn_id`` the argument that names the connection and its
    value. ``source`` has the arguments that say where the records are, ``rest`` those that were given
    beside. ``mapping`` None: the rows are changes already.
    """

    dag_id: str
    what: str
    vendor: str
    operator: type
    conn_id: tuple[str, str]
    source: Mapping[str, Any]
    mapping: Match | None
    rejects_path: str
    key_types: tuple[str, ...] = ()
    ledger_conn_id: str | None = None
    rest: Mapping[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """Write the file."""
        module, name = self.operator.__module__, self.operator.__name__
        return "\n".join(
            [
                f'"""Push {_in_docstring(self.what)} to {_in_docstring(self.vendor)}.',
                "",
                "`airflow profiles init` wrote this file. The comments say what there is to decide.",
                '"""',
                "",
                "from __future__ import annotations",
                "",
                "from datetime import timedelta",
                "",
                "from airflow.sdk import DAG",
                "",
                *_import(module, name),
                "",
                "with DAG(",
                f"    {literal(self.dag_id)},",
                '    # When: a cron text such as "0 5 * * *" (every morning at five), or an asset.',
                "    schedule=None,",
                '    default_args={"retries": 2, "retry_delay": timedelta(minutes=5)},',
                f'    tags=["profiles", {literal(self.conn_id[0].removesuffix("_conn_id"))}],',
                "):",
                f"    {name}(",
                *(f"        {line}" for line in self._arguments()),
                "    )",
                "",
            ]
        )

    def _arguments(self) -> Iterator[str]:
        yield 'task_id="push",'
        yield from _argument(*self.conn_id)
        for name, value in self.source.items():
            yield from _argument(name, value)
        yield from self._mapped() if self.mapping else ("# Each record is a change already: key and fields.",)
        for name, value in self.rest.items():
            yield from _argument(name, value)
        yield '# An empty cell leaves the field as it is. Or: "clear" empties the field, and'
        yield '# "invalid" refuses the record.'
        yield 'nulls="skip",'
        yield "# How many records may fail before the task is red: a count, or a share"
        yield '# such as "1%" where there is always much to send.'
        yield "max_failed=0,"
        yield "# What was not delivered goes here, with the reason:"
        yield "# `airflow profiles replay` pushes it again."
        yield from _argument("rejects_path", self.rejects_path)
        if self.ledger_conn_id:
            yield from _argument("ledger_conn_id", self.ledger_conn_id)
        else:
            yield "# With a ledger, only what changed is sent. Name a connection to SQLite or PostgreSQL:"
            yield '# ledger_conn_id="profile_ledger",'

    def _mapped(self) -> Iterator[str]:
        assert self.mapping
        found = self.mapping
        yield from _argument("key", found.key)
        if len(self.key_types) > 1:
            yield f"# Which identifier the key is: {', '.join(self.key_types)}."
            yield from _argument("key_type", found.key_type)
        if not found.told:
            yield f"# {_in_comment(self.vendor)} does not tell its fields: check each name on the left."
        yield "fields={  # field of the vendor: column"
        for name, column in found.fields.items():
            label = f"  # {_in_comment(found.labels[name])}" if name in found.labels else ""
            yield f"    {literal(name)}: {literal(column)},{label}"
        for left in found.left:
            yield from (f"    # {line}" for line in _undecided(left, found))
        yield "},"


def _import(module: str, name: str) -> list[str]:
    line = f"from {module} import {name}"
    return [line] if len(line) <= _WIDTH else [f"from {module} import (", f"    {name},", ")"]


def _undecided(left: Left, found: Match) -> Iterator[str]:
    """Write a line for each field that a column may be, to be taken in by hand."""
    if not _NAME.fullmatch(left.column):
        return
    for name in left.perhaps:
        label = found.labels.get(name, "")
        why = "; ".join(filter(None, (label, left.why if left.why != NO_FIELD else "")))
        yield f"{literal(name)}: {literal(left.column)},  # perhaps{_in_comment(why and f': {why}')}"
    if not left.perhaps:
        yield f"column {literal(left.column)}: {_in_comment(left.why)}"


def _argument(name: str, value: Any) -> list[str]:
    if isinstance(value, str) and "\n" in value and not re.search(r'"""|\\|"$', value):
        return [f'{name}="""\n{value.strip()}\n""",']
    whole = f"{name}={literal(value)},"
    if len(whole) + 8 <= _WIDTH or not isinstance(value, dict | list) or not value:
        return [whole]
    lines = _lines(value)
    return [f"{name}={lines[0]}", *lines[1:-1], f"{lines[-1]},"]


def _lines(value: Any) -> list[str]:
    """Write a list or an object with a line for each part."""
    if isinstance(value, dict):
        parts = [(f"{literal(name)}: ", part) for name, part in value.items()]
    else:
        parts = [("", part) for part in value]
    inner = []
    for before, part in parts:
        nested = isinstance(part, dict | list) and part and len(literal(part)) > _WIDTH // 2
        lines = _lines(part) if nested else [literal(part)]
        lines[0] = before + lines[0]
        inner += [*lines[:-1], f"{lines[-1]},"]
    brackets = "{}" if isinstance(value, dict) else "[]"
    return [brackets[0], *(f"    {line}" for line in inner), brackets[1]]


def literal(value: Any) -> str:
    """Write a value of JSON's types as formatters leave it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{literal(name)}: {literal(part)}" for name, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if not isinstance(value, str):
        return repr(value)
    text = repr(value)
    if '"' in value and "'" not in value:
        return text  # in single quotes, so that nothing is escaped
    if text.startswith('"'):
        return text
    return '"' + text[1:-1].replace("\\'", "'").replace('"', '\\"') + '"'


def _in_comment(text: str) -> str:
    """Return text that stays in its line, whatever a vendor or a header has in it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _in_docstring(text: str) -> str:
    return _in_comment(text).replace("\\", "/").replace('"', "'")
