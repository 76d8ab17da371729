"""One mapped HttpOperator task a record, as one would write it without us."""

from __future__ import annotations

import json
import os

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG
from benchmarks.contenders.job import TOKEN, changes

with DAG("mapped_requests", schedule=None):
    HttpOperator.partial(
        task_id="send",
        method="PATCH",
        headers={"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    ).expand_kwargs(
        [
            {"endpoint": f"v1/hood/profiles/{change['key']}", "data": json.dumps(change["fields"])}
            for change in changes(int(os.environ["BENCH_TASKS"]))
        ]
    )
