"""The same as nothing_to_send.py, and where its time goes, beside the report."""

# ruff: noqa: E402 -- the imports are sampled, too
from __future__ import annotations

from benchmarks.sampling import Sampler

SAMPLER = Sampler.begun()  # before anything else is imported

from typing import Any

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator


class Sampled(OcambaPushProfilesOperator):
    """Returns the parts, too."""

    def execute(self, context: Any) -> dict[str, Any]:
        """Push, and add what each part took until now."""
        return {**super().execute(context), "parts": SAMPLER.ended()}


with DAG("nothing_sampled", schedule=None):
    Sampled(
        task_id="push",
        sql="select id, email, full_name from people",
        sql_conn_id="source",
        key="id",
        fields=["email", "full_name"],
        ledger_conn_id="ledger",
        quota="none",
        scope="nothing_to_send.push",
    )
