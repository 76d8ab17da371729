"""`make wake BY=file|outbox|people|queue`: what examples wait for that are woken, while `make ui` runs."""

from __future__ import annotations

import argparse
import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from include.demo import stage
from include.ui.tables import OUTBOX, commit_person

_REMEMBERED = stage.DEMO / "ui.json"


def remember(airflow: int, redis: Mapping[str, Any] | None, key: str) -> None:
    """Keep how the running examples are reached: the ports of Airflow and of the queue, a key."""
    _REMEMBERED.write_text(json.dumps({"airflow": airflow, "redis": redis and redis["port"], "key": key}))


def _announce_file(known: Mapping[str, Any]) -> str:
    """Tell Airflow that a file of changes is there."""
    airflow = stage.demo_airflow(known["airflow"])
    (asset,) = airflow.request("GET", "assets?name_pattern=profile_changes")["assets"]
    event = {"asset_id": asset["id"], "extra": {"records": _changes(known)}}
    airflow.request("POST", "assets/events", event)
    return "on_new_file"


def _commit_row(known: Mapping[str, Any]) -> str:
    """Write a change into the outbox, as an application would."""
    fields = json.dumps({"comment": f"Seen at {datetime.now(UTC):%H:%M:%S}"})
    with closing(sqlite3.connect(OUTBOX)) as connection, connection:
        connection.execute("insert into profile_outbox (key, fields) values (?, ?)", (known["key"], fields))
    return "on_profile_change"


def _commit_person(_: Mapping[str, Any]) -> str:
    """Write a change of one person into the outbox of all five vendors."""
    name = f"Ada {datetime.now(UTC):%H:%M:%S}"
    commit_person(stage.PEOPLE_DATABASE, OUTBOX, json.dumps({"full_name": name, "first_name": "Ada"}))
    return "on_change_to_all"


def _publish(known: Mapping[str, Any]) -> str:
    """Send a message that names a file of changes."""
    from redis import Redis

    Redis(port=known["redis"]).publish("profile_changes", json.dumps({"records": _changes(known)}))
    return "on_queue_message"


def _changes(known: Mapping[str, Any]) -> str:
    """Write a file of one change and return its path."""
    file = stage.NIGHTS / "announced.jsonl"
    change = {"key": known["key"], "fields": {"comment": f"Seen at {datetime.now(UTC):%H:%M:%S}"}}
    file.write_text(json.dumps(change) + "\n")
    return str(file)


_WAYS = {"file": _announce_file, "outbox": _commit_row, "people": _commit_person, "queue": _publish}


def main() -> None:
    """Wake one of the examples."""
    parser = argparse.ArgumentParser(prog="make wake BY=…")
    parser.add_argument("by", choices=_WAYS)
    by = parser.parse_args().by
    try:
        known = json.loads(_REMEMBERED.read_text())
    except OSError:
        raise SystemExit("make ui does not run: start it first") from None
    print(f"Done; look at the runs of {_WAYS[by](known)} (it must be switched on)")


if __name__ == "__main__":
    main()
