"""Every week, read what Ocamba Hood holds, and correct what somebody has edited there, after an approval.

The task ``audit`` reads the profiles and compares them with the table. It sends nothing. If profiles differ,
its summary waits for approval under Browse > Required Actions: how many, which fields, no values. After
Approve, the task ``repair`` reads these profiles again, and sends what still differs. It sends exactly what
was approved: profiles that were edited meanwhile wait for the next audit. If one of the approved ones, or the
table, has changed meanwhile, it sends nothing and is red.

``warehouse`` is a connection to the database of the table ``people``. ``profile_ledger`` is a connection to
the ledger's database.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, task

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator

FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"
AUDIT = FOLDER + "/audits/ocamba-{{ dag_run.run_after | ds }}.jsonl"

# [START weekly_audit]
with DAG(
    "weekly_audit",
    description="What Ocamba Hood holds, and what was edited there, after somebody approved it",
    doc_md=__doc__,
    schedule="0 4 * * 0",
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,  # a run waits for its approval, and the next run waits for this one
    tags=["profiles", "ocamba"],
):
    repair = OcambaPushProfilesOperator(
        task_id="repair",
        action="repair",
        sql="select ocamba_id, email, full_name, phone, comment from people order by person_id",
        sql_conn_id="warehouse",
        key="ocamba_id",
        fields={
            "email": "email",
            "full_name": "full_name",
            "mobile_phone_number": "phone",
            "comment": "comment",
        },
        only=AUDIT,  # what was edited after the audit is left to the next one
        ledger_conn_id="profile_ledger",
        max_failed=10,
        rejects_path=FOLDER + "/rejects/audited.jsonl",
        # No retries: a retry would find fewer profiles to repair than were approved, and be refused.
        retries=0,
    )
    # The same arguments; the repair sends exactly what this task has found, or nothing.
    audit = repair.planned(
        task_id="audit",
        audit_path=AUDIT,  # a line for each profile that differs or is missing: key and fields; no values
        only=None,  # all of the table
    )

    @task.short_circuit
    def anything_to_repair(report: dict[str, Any]) -> bool:
        """Skip the approval if nothing differs."""
        return bool(report["drifted"])

    approve = ApprovalOperator(
        task_id="approve",
        subject="Send these profiles to Ocamba Hood again?",
        body="{{ ti.xcom_pull(task_ids='audit', key='plan_summary') }}\n\nEach profile: `" + AUDIT + "`",
        response_timeout=timedelta(hours=20),  # of apache-airflow-providers-standard 1.12.2 and later
        defaults="Reject",  # if nobody answers; the next audit finds these profiles, too
    )
    anything_to_repair(audit.output) >> approve >> repair  # type: ignore[arg-type]
# [END weekly_audit]
