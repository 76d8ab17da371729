"""Send changes only after somebody has seen what they are, and has said yes.

The plan compares the table with the ledger of what Ocamba Hood has acknowledged, and sends nothing. What it
found waits under Browse > Required Actions. After Approve, the push sends exactly that: if the table has
changed meanwhile, it sends nothing and turns red, and the next plan shows what is to be sent then.

``warehouse`` is a connection to the database of the table ``people``, ``profile_ledger`` one to the ledger's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, task

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"
PLAN = FOLDER + "/plans/ocamba-{{ dag_run.run_after | ds }}.jsonl"

# [START approve_changes]
CHANGES: dict[str, Any] = {
    "sql": "select ocamba_id, email, full_name, phone, comment from people order by person_id",
    "sql_conn_id": "warehouse",
    "key": "ocamba_id",
    "fields": {
        "email": "email",
        "full_name": "full_name",
        "mobile_phone_number": "phone",
        "comment": "comment",
    },
    "ledger_conn_id": "profile_ledger",
    "max_failed": 10,
}

with DAG(
    "approve_changes",
    description="What changed, to Ocamba Hood, once somebody has approved it",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,  # a run waits for its answer, and the next one for that run
    tags=["profiles", "ocamba"],
):
    plan = OcambaPushProfilesOperator(
        task_id="plan",
        action="plan",
        plan_path=PLAN,  # a line for each change: key, fields, why; no values
        **CHANGES,
    )

    @task.short_circuit
    def anything_to_send(report: dict[str, Any]) -> bool:
        """Ask nobody to approve nothing."""
        return report["planned"] > 0

    approve = ApprovalOperator(
        task_id="approve",
        subject="Send these changes to Ocamba Hood?",
        body="{{ ti.xcom_pull(task_ids='plan', key='plan_summary') }}\n\nEach change: `" + PLAN + "`",
        response_timeout=timedelta(hours=20),
        defaults="Reject",  # if nobody answers: the next plan holds these changes, too
    )
    push = OcambaPushProfilesOperator(
        task_id="push",
        approved_plan="{{ ti.xcom_pull(task_ids='plan', key='plan') }}",
        rejects_path=FOLDER + "/rejects/approved.jsonl",
        # Without retries: they would send other changes than the approved ones, those that are left over.
        retries=0,
        **CHANGES,
    )
    anything_to_send(plan.output) >> approve >> push  # type: ignore[arg-type]
# [END approve_changes]
