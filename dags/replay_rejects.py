"""Push again what was not delivered, from a form in the UI.

*Rejects* is the file that a push left, a folder of such files, or a pattern. Later files win. What fails once
more goes into a rejects file of its own; the files that were replayed stay, so move them away afterwards.

``POST /api/v2/dags/replay_rejects/dagRuns`` with ``{"logical_date": null, "conf": {"conn_id":
"ocamba_default", "rejects": "/var/lib/profiles/rejects/ocamba.jsonl"}}``
"""

from __future__ import annotations

from airflow.sdk import DAG, Connection, Param, get_current_context, task

from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

OPERATORS = {
    "sonoran": SonoranPushProfilesOperator,
    "communifire": CommunifirePushProfilesOperator,
    "agilenow": AgileNowPushProfilesOperator,
    "lightfield": LightfieldPushProfilesOperator,
    "ocamba": OcambaPushProfilesOperator,
}
FOLDER = "{{ var.value.get('profiles_folder', '/var/lib/profiles') }}"

# [START replay_rejects]
with DAG(
    "replay_rejects",
    description="What was not delivered, once more",
    doc_md=__doc__,
    schedule=None,
    render_template_as_native_obj=True,  # so that what is left empty in the form is None
    params={
        "conn_id": Param(
            type="string", minLength=1, title="Connection", description="The push's connection to the vendor."
        ),
        "rejects": Param(
            type="string",
            minLength=1,
            title="Rejects",
            description="A file, a folder, or a pattern (*.jsonl).",
        ),
        "ledger_conn_id": Param(
            None,
            type=["null", "string"],
            title="Ledger",
            description="The push's ledger_conn_id, if it has one.",
        ),
        "nulls": Param(
            None,
            type=["null", "string"],
            enum=[None, "clear", "skip", "invalid"],
            title="Nulls",
            description="The push's nulls, if it has any.",
        ),
        "max_failed": Param(
            "0",
            type="string",
            title="May fail",
            description='How many may fail again before the task is red: a count, or "1%".',
        ),
        "vendor": Param(
            None,
            type=["null", "string"],
            enum=[None, *OPERATORS],
            title="Vendor",
            description="Only where the connection is of another type.",
        ),
    },
    tags=["profiles"],
):

    @task.branch
    def choose() -> str:
        """Run the task of the vendor that the connection is for, and skip the others."""
        params = get_current_context()["params"]
        vendor = params["vendor"] or Connection.get(params["conn_id"]).conn_type
        if vendor not in OPERATORS:
            raise ValueError(f"the connection is of type {vendor!r}: choose the vendor in the form")
        return f"replay_{vendor}"

    chosen = choose()
    for vendor, operator in OPERATORS.items():
        replay = operator(
            task_id=f"replay_{vendor}",
            records="{{ params.rejects }}",
            nulls="{{ params.nulls }}",
            ledger_conn_id="{{ params.ledger_conn_id }}",
            max_failed="{{ params.max_failed }}",
            rejects_path=FOLDER + "/rejects/replayed.jsonl",
            **{f"{vendor}_conn_id": "{{ params.conn_id }}"},
        )
        chosen >> replay
# [END replay_rejects]
