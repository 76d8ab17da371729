"""One contender of the ledger's benchmark, in a process of its own: `python -m ledger.contender NAME JSON`.

Its last line of output is JSON: seconds, CPU seconds, memory when idle and at its peak
(MB), and what it found.
"""

from __future__ import annotations

import cProfile
import json
import os
import pstats
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

COLUMNS = ["id", "email", "full_name", "mobile_phone_number", "comment"]
FIELDS = COLUMNS[1:]
LOOKED_UP = 1000


def bare(job: dict[str, Any]) -> dict[str, Any]:
    """What one would write by hand: read, hash each record, look the hashes up by the thousand."""
    import pyarrow.parquet as pq

    look_up = _sqlite(job["store"]) if job["store"]["conn_type"] == "sqlite" else _postgres(job["store"])
    records = changed = 0
    for batch in pq.ParquetFile(job["path"]).iter_batches(batch_size=LOOKED_UP, columns=COLUMNS):
        hashes = {
            record["id"]: blake2b(repr(record).encode(), digest_size=16).digest()
            for record in batch.to_pylist()
        }
        known = look_up(list(hashes))
        changed += sum(known.get(key) != found for key, found in hashes.items())
        records += len(hashes)
    return {"received": records, "changed": changed}


def learn(job: dict[str, Any]) -> dict[str, Any]:
    """Fill the bare loop's table, in the database of the ledger."""
    import pyarrow.parquet as pq

    def rows() -> Iterator[tuple[str, bytes]]:
        for batch in pq.ParquetFile(job["path"]).iter_batches(columns=COLUMNS):
            for record in batch.to_pylist():
                yield record["id"], blake2b(repr(record).encode(), digest_size=16).digest()

    if job["store"]["conn_type"] == "sqlite":
        with sqlite3.connect(job["store"]["host"]) as connection:
            connection.execute("create table bare (key text primary key, hash blob) without rowid")
            connection.executemany("insert into bare values (?, ?)", rows())
    else:
        with _connected(job["store"]) as connection:
            connection.execute("create table bare (key text primary key, hash bytea)")
            with connection.cursor().copy("copy bare from stdin") as copy:
                for row in rows():
                    copy.write_row(row)
            connection.commit()
            connection.autocommit = True
            connection.execute("vacuum analyze")
    return {}


def _sqlite(store: dict[str, Any]) -> Callable[[list[str]], dict[str, bytes]]:
    connection = sqlite3.connect(store["host"])

    def look_up(keys: list[str]) -> dict[str, bytes]:
        marks = ",".join("?" * len(keys))
        return dict(connection.execute(f"select key, hash from bare where key in ({marks})", keys).fetchall())

    return look_up


def _postgres(store: dict[str, Any]) -> Callable[[list[str]], dict[str, bytes]]:
    connection = _connected(store)

    def look_up(keys: list[str]) -> dict[str, bytes]:
        found: Iterable[Any] = connection.execute("select key, hash from bare where key = any(%s)", [keys])
        return dict(found)

    return look_up


def _connected(store: dict[str, Any]) -> Any:
    import psycopg

    return psycopg.connect(
        host=store["host"],
        port=store["port"],
        user=store["login"],
        password=store["password"],
        dbname=store["schema"],
    )


def push(job: dict[str, Any]) -> dict[str, Any]:
    """Our push, with the job's options."""
    from airflow_profile_provider.hooks.ocamba import OcambaHook
    from airflow_profile_provider.hooks.sonoran import SonoranHook

    hook = SonoranHook() if job["vendor"] == "sonoran" else OcambaHook()
    report = hook.push(job["path"], key="id", quota="none", **{"fields": FIELDS, **job["options"]})
    return report.as_dict() | {"plan": hook.last_plan.changes if hook.last_plan else None}


def records_of(number: int, marker: str, every: int = 100) -> Iterator[dict[str, Any]]:
    """Make sample records; every so many-th holds the marker."""
    for at in range(number):
        yield {
            "id": str(17430755068736000000 + at),
            "email": f"person-{at}@example.com",
            "full_name": f"Person Number {at}{marker if marker and at % every == 0 else ''}",
            "mobile_phone_number": f"+35850{at:07}",
            "comment": "as it was",
        }


CONTENDERS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "bare": bare,
    "learn": learn,
    "push": push,
}


def main() -> None:
    """Import, say what that took, run, and tell."""
    name, job = sys.argv[1], json.loads(sys.argv[2])
    os.environ["AIRFLOW_CONN_LEDGER"] = json.dumps(job["store"])
    connection = {"host": job.get("url") or "http://127.0.0.1:9", "login": "bench", "password": "bench-token"}
    for vendor in ("ocamba", "sonoran"):
        os.environ[f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT"] = json.dumps({"conn_type": vendor, **connection})
    if name == "push":
        import_module("airflow_profile_provider.hooks.ocamba")
        import_module("airflow_profile_provider.hooks.sonoran")
    idle, begun, cpu = _memory(), time.perf_counter(), time.process_time()
    profile = cProfile.Profile() if job.get("profile") else None
    if profile:
        profile.enable()
    found = CONTENDERS[name](job)
    if profile:
        profile.disable()
        pstats.Stats(profile, stream=sys.stderr).sort_stats("tottime").print_stats(35)
    figures = {"wall": time.perf_counter() - begun, "cpu": time.process_time() - cpu}
    print(json.dumps({**figures, "idle": idle, "peak": _memory(), "found": found}))


def _memory() -> float:
    """Return the most memory held so far, in MB; getrusage would count the parent's, whose child this is."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


if __name__ == "__main__":
    main()
