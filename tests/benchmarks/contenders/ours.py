"""Our push, by a hook, with verdicts and a rejects file."""

from __future__ import annotations

import json
import os
from pathlib import Path

from benchmarks.contenders.job import COMMUNITY, TOKEN, Job, Prepare, Run, changes


def push(job: Job) -> Prepare:
    """Push with the vendor's hook; the connection comes from the environment."""
    connection = {"host": job.url, "login": COMMUNITY, "password": TOKEN}
    for vendor in ("ocamba", "sonoran"):
        os.environ.setdefault(
            f"AIRFLOW_CONN_{vendor.upper()}_DEFAULT", json.dumps({"conn_type": vendor, **connection})
        )
    from airflow_profile_provider.hooks.ocamba import OcambaHook
    from airflow_profile_provider.hooks.sonoran import SonoranHook

    def prepare(number: int) -> Run:
        hook = OcambaHook() if job.batch_size == 1 else SonoranHook()
        source = _file(job, number) if job.from_file else list(changes(number))

        def run() -> int:
            report = hook.push(
                source,
                concurrency=job.in_flight,
                batch_size=job.batch_size,
                quota=job.quota,
                rejects_path=f"{job.folder}/rejects-{os.getpid()}.jsonl",
            )
            return report.pushed

        return run

    return prepare


def _file(job: Job, number: int) -> str:
    path = Path(job.folder) / f"changes-{number}.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps(change) + "\n" for change in changes(number))
    return str(path)
