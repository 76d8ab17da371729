"""Audits of all accounts of an Agile.Now: ours, and what one writes by hand."""

from __future__ import annotations

import json
import os
from pathlib import Path

import requests

from benchmarks.contenders.job import TOKEN, Job, Prepare, Run
from benchmarks.stand_in import ACCOUNTS_PATH, PAGE, account

FIELDS = ("FirstName", "LastName", "Email", "Phone", "Is_Active")
TIMEOUT = 30


def bare(job: Job) -> Prepare:
    """Read the file into a dict, then every page, and compare: no verdicts, no second look, no bound."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {TOKEN}"

    def prepare(number: int) -> Run:
        path = _file(job, number)

        def run() -> int:
            with path.open() as file:
                source = {row["Id"]: row for row in map(json.loads, file)}
            page, seen, right = 0, 0, 0
            while seen < number:
                answer = session.get(
                    f"{job.url}{ACCOUNTS_PATH}",
                    params={
                        "Fields": ",".join(("Id", *FIELDS)),
                        "Orders": "Id ASC",
                        "CurrentPage": page,
                        "PageSize": PAGE,
                    },
                    timeout=TIMEOUT,
                )
                answer.raise_for_status()
                for held in answer.json()["Data"]:
                    row = source.get(held["Id"])
                    if row is not None and all(row[name] == held[name] for name in FIELDS):
                        right += 1
                    seen += 1
                page += 1
            return right

        return run

    return prepare


def ours(job: Job) -> Prepare:
    """Audit with the vendor's hook; the connection comes from the environment."""
    connection = {"conn_type": "agilenow", "host": job.url, "login": "bench", "password": TOKEN}
    os.environ.setdefault("AIRFLOW_CONN_AGILENOW_DEFAULT", json.dumps(connection))
    from airflow_profile_provider.hooks.agilenow import AgileNowHook

    def prepare(number: int) -> Run:
        path = _file(job, number)
        hook = AgileNowHook()

        def run() -> int:
            return hook.push(
                path,
                key="Id",
                fields=list(FIELDS),
                action="audit",
                quota="none",
                concurrency=job.in_flight,
                audit_path=f"{job.folder}/audit-{os.getpid()}.jsonl",
            ).verified

        return run

    return prepare


def _file(job: Job, number: int) -> Path:
    path = Path(job.folder) / f"accounts-{number}.jsonl"
    with path.open("w") as file:
        file.writelines(json.dumps(account(at)) + "\n" for at in range(number))
    return path
