"""Send changes only after somebody has looked at the plan and approved it.

The task ``plan`` compares the table with the ledger, and sends nothing. The plan then waits for approval
under Browse > Required Actions. After Approve, the task ``push`` sends exactly the planned changes. If the
table has changed meanwhile, it sends nothing and is red; the next run makes a new plan.

``warehouse`` is a connection to the database of the table ``people``. ``profile_ledger`` is a connection to
the ledger's database.
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
with DAG(
    "approve_changes",
    description="Changes to Ocamba Hood, after somebody approved them",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,  # a run waits for its approval, and the next run waits for this one
    tags=["profiles", "ocamba"],
):
    push = OcambaPushProfilesOperator(
        task_id="push",
        sql="select ocamba_id, email, full_name, phone, comment from people order by person_id",
        sql_conn_id="warehouse",
        key="ocamba_id",
        fields={
            "email": "email",
            "full_name": "full_name",
            "mobile_phone_number": "phone",
            "comment": "comment",
        },
        ledger_conn_id="profile_ledger",
        max_failed=10,
        rejects_path=FOLDER + "/rejects/approved.jsonl",
        # No retries: a retry would find fewer changes to send than were approved, and be refused.
        retries=0,
    )
    # The same arguments; the push sends exactly what this task has planned, or nothing.
    plan = push.planned(
        task_id="plan",
        plan_path=PLAN,  # a line for each change: key, fields, why; no values
    )

    @task.short_circuit
    def anything_to_send(report: dict[str, Any]) -> bool:
        """Skip the approval if there is nothing to send."""
        return bool(report["planned"])

    approve = ApprovalOperator(
        task_id="approve",
        subject="Send these changes to Ocamba Hood?",
        body="{{ ti.xcom_pull(task_ids='plan', key='plan_summary') }}\n\nEach change: `" + PLAN + "`",
        response_timeout=timedelta(hours=20),  # of apache-airflow-providers-standard 1.12.2 and later
        defaults="Reject",  # if nobody answers; the next plan has these changes too
    )
    anything_to_send(plan.output) >> approve >> push  # type: ignore[arg-type]
# [END approve_changes]
