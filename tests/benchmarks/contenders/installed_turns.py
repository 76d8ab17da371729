"""drt-core and dlt, run time and again over a table in which 1 % is new each time; their state is kept."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

from benchmarks.contenders.installed import drt_destination
from benchmarks.contenders.job import TOKEN, Change, Job, Prepare, Run, sonoran_body
from benchmarks.contenders.ledger import changed, fill

_MODEL = "SELECT id, email, full_name, updated_at FROM people"
_KNOWN_BY = "{{ row.id }}|{{ row.email }}|{{ row.full_name }}"
_OPTIONS = {"batch_size": 1000, "rate_limit": {"requests_per_second": 0}, "on_error": "skip"}


def drt(job: Job) -> Prepare:
    """Mode "full": what drt does where no column tells what changed."""
    return _drt(job, {"mode": "full"}, count(), everything=True)


def drt_cursor(job: Job) -> Prepare:
    """Mode "incremental", with a column that tells what changed."""
    return _drt(job, {"mode": "incremental", "cursor_field": "updated_at"}, count())


def drt_known(job: Job) -> Prepare:
    """Its ledger of deliveries, which is for retries, with an idempotency key of all values."""
    return _drt(job, {"mode": "full", "idempotency_key": _KNOWN_BY}, count(), state=_state())


def drt_returning(job: Job) -> Prepare:
    """The same, and in the third run the old values are back."""
    turn = iter((0, 1, 0))
    return _drt(job, {"mode": "full", "idempotency_key": _KNOWN_BY}, turn, state=_state(), check=False)


def _state() -> dict[str, Any]:
    """Return a drt profile of the database that ours keeps its ledger in."""
    store = json.loads(os.environ["AIRFLOW_CONN_LEDGER"])
    kept = {"type": "postgres", "host": store["host"], "dbname": store["schema"], "user": store["login"]}
    return kept | {name: store[name] for name in ("port", "password") if store[name]}


def _drt(
    job: Job,
    options: dict[str, Any],
    turn: Iterator[int],
    *,
    state: dict[str, Any] | None = None,
    everything: bool = False,
    check: bool = True,
) -> Prepare:
    os.environ.update({"BENCH_TOKEN": TOKEN, "DO_NOT_TRACK": "1"})
    project = Path(job.folder) / "drt"
    database = project / "people.db"
    profiles = {"local": {"type": "sqlite", "database": str(database)}, **({"kept": state} if state else {})}
    told = {"backend": "warehouse", "connection_profile": "kept", "idempotency": True}
    _project(project, profiles, "local", {"state": told} if state else {})
    _sync(project, drt_destination(job), options)
    from drt.integrations.airflow import run_drt_sync

    runs = count()

    def prepare(number: int) -> Run:
        fill(database, number, next(turn))
        due = number if everything or not next(runs) else changed(number)

        def run() -> int:
            done = run_drt_sync("push", str(project))
            if check and done["rows_synced"] != due:
                raise SystemExit(f"{done['rows_synced']} of {due} rows; {done['errors']}")
            return number

        return run

    return prepare


def _project(folder: Path, profiles: dict[str, Any], used: str, more: dict[str, Any]) -> None:
    # JSON is YAML; drt reads profiles from the home folder, which is a folder of ours here.
    _write(folder / "drt_project.yml", {"name": "bench", "version": "0.1", "profile": used, **more})
    _write(Path.home() / ".drt" / "profiles.yml", profiles)


def _sync(folder: Path, destination: dict[str, Any], options: dict[str, Any]) -> None:
    sync = {"name": "push", "model": _MODEL, "destination": destination, "sync": {**_OPTIONS, **options}}
    _write(folder / "syncs" / "push.yml", sync)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def dlt(job: Job) -> Prepare:
    """Disposition "merge" with strategy "scd2", by which dlt compares row hashes in a database."""
    return _dlt(job, cursor=False)


def dlt_cursor(job: Job) -> Prepare:
    """``dlt.sources.incremental`` over a column that tells what changed."""
    return _dlt(job, cursor=True)


def _dlt(job: Job, *, cursor: bool) -> Prepare:
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    import requests

    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"
    database = Path(job.folder) / "people.db"
    turn, delivered = count(), [0]

    @dlt.destination(batch_size=job.batch_size, name="vendor")
    def vendor(items: list[dict[str, Any]], table: Any) -> None:
        batch: list[Change] = [
            {"key": item["id"], "fields": {"email": item["email"], "full_name": item["full_name"]}}
            for item in items
        ]
        address = f"{job.url}/general/edit_acc_profile_fields"
        session.post(address, json=sonoran_body(batch), timeout=30).raise_for_status()
        delivered[0] += len(batch)

    def rows() -> Iterator[dict[str, Any]]:
        with closing(sqlite3.connect(database)) as connection:
            found = connection.execute(_MODEL)
            names = [column[0] for column in found.description]
            for row in found:
                yield dict(zip(names, row, strict=True))

    def since(updated_at: Any = dlt.sources.incremental("updated_at")) -> Iterator[dict[str, Any]]:  # noqa: B008 -- dlt's own way
        yield from rows()

    pipeline = dlt.pipeline("bench", destination=vendor(), pipelines_dir=f"{job.folder}/dlt")

    def prepare(number: int) -> Run:
        now = next(turn)
        fill(database, number, now)
        due = changed(number) if cursor and now else number
        delivered[0] = 0

        def run() -> int:
            if cursor:
                pipeline.run(dlt.resource(since, name="people"))
            else:
                scd2: Any = {"disposition": "merge", "strategy": "scd2"}
                pipeline.run(rows(), table_name="people", write_disposition=scd2)
            if delivered[0] != due:
                raise SystemExit(f"{delivered[0]} of {due} rows were delivered")
            return number

        return run

    return prepare


def diff_refused() -> dict[str, str]:
    """Ask drt for ``incremental_strategy: diff`` to a REST API, and return what it answers, by source."""
    os.environ.update({"BENCH_TOKEN": TOKEN, "DO_NOT_TRACK": "1"})
    from drt.integrations.airflow import run_drt_sync

    project = Path.home() / "refused"
    kept = {"type": "postgres", "host": "127.0.0.1", "dbname": "people", "user": "nobody"}
    profiles = {"SQLite": {"type": "sqlite", "database": ":memory:"}, "PostgreSQL": kept}
    destination = drt_destination(Job("http://127.0.0.1:9", str(project), batch_size=100))
    answers = {}
    for source in profiles:
        _project(project, profiles, source, {})
        _sync(project, destination, {"mode": "upsert", "incremental_strategy": "diff"})
        try:
            answers[source] = f"{run_drt_sync('push', str(project))['rows_synced']} rows"
        except Exception as error:  # noqa: BLE001 -- whatever it answers is the finding
            answers[source] = str(error)
    return answers


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["HOME"] = home
        sys.stdout.write(json.dumps(diff_refused()) + "\n")
