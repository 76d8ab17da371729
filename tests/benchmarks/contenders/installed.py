"""What one installs: drt-core's REST API destination and dlt's custom destination, used as documented."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.contenders.job import COMMUNITY, TOKEN, Change, Job, Prepare, Run, changes, sonoran_body

_SINGLE = '{"id": {{ row.id | tojson_safe }}, "email": {{ row.email | tojson_safe }}, '
_SINGLE += '"full_name": {{ row.full_name | tojson_safe }}}'
_BATCH = f'{{"id": "{COMMUNITY}", "key": "{TOKEN}", "type": "EDIT_ACC_PROFLIE_FIELDS", "data": ['
_BATCH += '{% for row in rows %}{"accId": {{ row.id | tojson_safe }}, "profileFields": ['
_BATCH += '{"id": "email", "value": {{ row.email | tojson_safe }}}, '
_BATCH += '{"id": "full_name", "value": {{ row.full_name | tojson_safe }}}]}'
_BATCH += "{% if not loop.last %}, {% endif %}{% endfor %}]}"


def drt_destination(job: Job) -> dict[str, Any]:
    """Return the destination of drt's sync. Its address is fixed, so that a key travels in the body."""
    headers = {"Content-Type": "application/json"}
    if job.batch_size == 1:
        return {
            "type": "rest_api",
            "url": f"{job.url}/v1/hood/profiles",
            "method": "PATCH",
            "headers": headers,
            "auth": {"type": "bearer", "token_env": "BENCH_TOKEN"},
            "body_template": _SINGLE,
        }
    return {
        "type": "rest_api",
        "url": f"{job.url}/general/edit_acc_profile_fields",
        "method": "POST",
        "headers": headers,
        "body_mode": "batch",
        "max_records_per_request": job.batch_size,
        "batch_template": _BATCH,
    }


def drt(job: Job) -> Prepare:
    """A drt project with a SQLite source, run by drt's own entry point for Airflow tasks."""
    os.environ.update({"BENCH_TOKEN": TOKEN, "DO_NOT_TRACK": "1"})
    project = Path(job.folder) / "drt"
    database = project / "people.db"
    sync = {
        "name": "push",
        "model": "SELECT id, email, full_name FROM people",
        "destination": drt_destination(job),
        "sync": {
            "mode": "full",
            "batch_size": 1000,
            "rate_limit": {"requests_per_second": 0},
            "on_error": "skip",
        },
    }
    # JSON is YAML; drt reads profiles from the home folder, which is a folder of ours here.
    _write(project / "drt_project.yml", {"name": "bench", "version": "0.1", "profile": "local"})
    _write(project / "syncs" / "push.yml", sync)
    _write(Path.home() / ".drt" / "profiles.yml", {"local": {"type": "sqlite", "database": str(database)}})
    from drt.integrations.airflow import run_drt_sync

    def prepare(number: int) -> Run:
        database.unlink(missing_ok=True)
        with sqlite3.connect(database) as connection:
            connection.execute("create table people (id text, email text, full_name text)")
            connection.executemany(
                "insert into people values (?, ?, ?)", map(tuple, map(_values, _rows(number)))
            )
        connection.close()

        def run() -> int:
            return int(run_drt_sync("push", str(project))["rows_synced"])

        return run

    return prepare


def dlt(job: Job, *, files: int | None = None) -> Prepare:
    """A dlt pipeline with a custom destination; its load is one file, unless it is told to cut it."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    delivered = count()
    runs = count()

    @dlt.destination(batch_size=job.batch_size, name="vendor")
    def vendor(items: list[dict[str, Any]], table: Any) -> None:
        batch: list[Change] = [
            {"key": item["id"], "fields": {"email": item["email"], "full_name": item["full_name"]}}
            for item in items
        ]
        if job.batch_size == 1:
            address = f"{job.url}/v1/hood/profiles/{batch[0]['key']}"
            answer = session.patch(address, json=batch[0]["fields"], timeout=30)
        else:
            address = f"{job.url}/general/edit_acc_profile_fields"
            answer = session.post(address, json=sonoran_body(batch), timeout=30)
        answer.raise_for_status()
        for _ in batch:
            next(delivered)

    def prepare(number: int) -> Run:
        if files:
            os.environ["DATA_WRITER__FILE_MAX_ITEMS"] = str(-(-number // files))
            os.environ["DATA_WRITER__BUFFER_MAX_ITEMS"] = str(min(5000, -(-number // files)))
        folder = Path(job.folder) / f"dlt-{next(runs)}"
        pipeline = dlt.pipeline("bench", destination=vendor(), pipelines_dir=str(folder))
        before = next(delivered)

        def run() -> int:
            pipeline.run(_rows(number), table_name="people")
            shutil.rmtree(folder)
            return next(delivered) - before - 1

        return run

    return prepare


def dlt_cut(job: Job) -> Prepare:
    """The same, its load cut into as many files as there are requests in flight; dlt sends 20 at once."""
    return dlt(job, files=job.in_flight)


def _rows(number: int) -> Iterator[dict[str, Any]]:
    for change in changes(number):
        yield {"id": change["key"], **change["fields"]}


def _values(row: dict[str, Any]) -> Any:
    return row.values()


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
