"""Push a large table to Ocamba Hood from several workers at once, and add up their reports.

Each mapped task pushes one share of the profiles; the key decides the share. All tasks use one ledger. They
share one quota if the connection ``ocamba_default`` has ``{"quota_conn_id": "…"}`` in its extra: see
docs/distributed.md, also for the number of shares. If a worker dies, another one pushes its shares.

``warehouse`` is a connection to the database of the table ``people``. ``profile_ledger`` is a connection to
the ledger's database.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.reports import SumReportsOperator

# [START fan_out]
SHARES = 4
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

with DAG(
    "fan_out",
    description="A large table to Ocamba Hood, in shares, on several workers",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,  # two runs of different shares would not take turns
    default_args={"retries": 3, "retry_delay": timedelta(seconds=15)},
    tags=["profiles", "ocamba"],
):
    push = OcambaPushProfilesOperator.partial(
        task_id="push",
        sql="select ocamba_id, full_name, comment from people order by ocamba_id",
        sql_conn_id="warehouse",
        key="ocamba_id",
        fields=["full_name", "comment"],
        ledger_conn_id="profile_ledger",
        concurrency=1,  # of each share: together as many in flight as one push alone has at Ocamba
        max_failed=10,  # with a ledger a count: 1 % of the few changes of a quiet night is none
        rejects_path=FOLDER + "/rejects/",
        delivered_path=FOLDER + "/delivered/ocamba.txt",  # ocamba.0.txt, ocamba.1.txt, …
    ).expand(partition=[(share, SHARES) for share in range(SHARES)])

    # One report. The task is red if a share is red, stopped early, or left no report.
    SumReportsOperator(task_id="add_up", reports=push.output, trigger_rule="all_done")
# [END fan_out]
