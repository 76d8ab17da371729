"""Lists and outcomes in the formats of Airflow's own commands: table, plain, json, yaml."""

from __future__ import annotations

from contextlib import redirect_stdout
from io import StringIO
from typing import Any

from airflow_profile_provider.cli.text import plain


def formatted(data: Any, output: str) -> str:
    """Return rows, or one outcome, as Airflow's console writes it; numbers stay so in json and yaml."""
    from airflow.cli.simple_table import AirflowConsole
    from rich.markup import escape

    with redirect_stdout(StringIO()) as written:
        console = AirflowConsole()
        if output == "json":
            console.print_as_json(data)
        elif output == "yaml":
            console.print_as_yaml(data)
        elif output == "plain":
            console.print_as_plain_table(_cells(data))
        else:
            table = [{name: escape(cell) for name, cell in row.items()} for row in _cells(data)]
            console.print_as_table(table)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def _cells(rows: Any) -> list[dict[str, str]]:
    """Return what a table shows: no half-printed value, and nothing that steers a terminal."""
    return [{name: "" if value is None else plain(str(value)) for name, value in row.items()} for row in rows]
