"""Fills the table that the fan-out example pushes; the sandbox holds these people as they were before.

``python -m include.fan_out_stage [--people N]`` takes both addresses from connections in the environment.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from airflow_profile_provider.sandbox import Sandbox

FIRST_KEY = 17430755068736000000
_TABLE = "create table if not exists people (ocamba_id text primary key, full_name text, comment text)"
_PERSON = "insert into people values (%s, %s, %s)"


def people(number: int, comment: str = "Has moved") -> dict[str, dict[str, str]]:
    """So many people, as Ocamba is to hold them."""
    return {
        str(FIRST_KEY + n): {"full_name": f"Person {n}", "comment": f"{comment} ({n})"} for n in range(number)
    }


def write_people(warehouse: Mapping[str, Any], wanted: Mapping[str, Mapping[str, str]]) -> None:
    """Let the table hold these people and no others."""
    import psycopg

    with (
        psycopg.connect(
            host=warehouse["host"],
            port=warehouse.get("port"),
            user=warehouse.get("login"),
            password=warehouse.get("password"),
            dbname=warehouse.get("schema"),
        ) as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(_TABLE)
        cursor.execute("delete from people")
        cursor.executemany(_PERSON, [(key, *fields.values()) for key, fields in wanted.items()])


def move_in(sandbox: Sandbox, wanted: Iterable[str]) -> None:
    """Let Ocamba hold these people with another comment."""
    sandbox.load("ocamba", {key: {"full_name": "Somebody", "comment": "before"} for key in wanted})


def main() -> None:
    """Set the stage for the connections of this environment."""
    parser = argparse.ArgumentParser(prog="python -m include.fan_out_stage")
    parser.add_argument("--people", type=int, default=1000, metavar="N")
    wanted = people(parser.parse_args().people)
    vendor = json.loads(os.environ["AIRFLOW_CONN_OCAMBA_DEFAULT"])
    write_people(json.loads(os.environ["AIRFLOW_CONN_WAREHOUSE"]), wanted)
    move_in(Sandbox(str(urlsplit(vendor["host"]).hostname), int(vendor["port"])), wanted)


if __name__ == "__main__":
    main()
