"""Pushes that take long enough to be killed, to give their slot back, or to be refused in the middle."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

FOLDER = "{{ var.value.profiles_folder }}"


class ImpatientOperator(OcambaPushProfilesOperator):
    """Gives its slot back for waits of seconds."""

    defer_seconds = 2.0


def leave_pid(context: dict[str, Any]) -> None:
    """Tell the test whom to kill."""
    folder = Path(os.environ["AIRFLOW_VAR_PROFILES_FOLDER"])
    (folder / f"pid-{context['ti'].try_number}").write_text(str(os.getpid()))


with DAG("killed_push", schedule=None):
    OcambaPushProfilesOperator(
        task_id="push",
        records=f"{FOLDER}/killed.jsonl",
        rejects_path=f"{FOLDER}/killed-rejects/",
        delivered_path=f"{FOLDER}/killed-delivered.jsonl",
        max_failed=1,
        quota="3/1s",
        retries=2,
        retry_delay=timedelta(seconds=1),
        on_execute_callback=leave_pid,
    )

with DAG("deferred_push", schedule=None):
    ImpatientOperator(
        task_id="push",
        records=f"{FOLDER}/deferred.jsonl",
        delivered_path=f"{FOLDER}/deferred-delivered.jsonl",
        quota="12/8s",
        deferrable=True,
    )

with DAG("refused_push", schedule=None):
    OcambaPushProfilesOperator(
        task_id="push",
        records=[{"key": "1", "fields": {"comment": "x"}}],
        ocamba_conn_id="ocamba_revoked",
        retries=2,
        retry_delay=timedelta(minutes=10),
    )
