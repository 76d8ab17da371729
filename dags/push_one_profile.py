"""Push one profile, from a form in the UI or a call of the REST API.

``POST /api/v2/dags/push_one_profile/dagRuns`` with ``{"logical_date": null, "conf": {"vendor": "ocamba",
"key": "17430755068736100383", "fields": {"full_name": "Ada Lovelace"}}}``
"""

from __future__ import annotations

from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task

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

# Each vendor takes some of them.
KEY_TYPES = ["accId", "apiId", "username", "discord", "uniqueId", "UserID", "Email", "Username", "Id"]
KEY_TYPES += ["ExternalId", "id"]

# [START push_one_profile]
with DAG(
    "push_one_profile",
    description="One profile, from a form or the REST API",
    doc_md=__doc__,
    schedule=None,
    params={
        "vendor": Param("ocamba", type="string", enum=list(OPERATORS), title="Vendor"),
        "connection": Param(
            None,
            type=["null", "string"],
            title="Connection",
            description="The vendor's default connection if empty.",
        ),
        "key": Param(
            type="string", minLength=1, title="Key", description="The vendor's identifier of the profile."
        ),
        "key_type": Param(
            None,
            type=["null", "string"],
            enum=[None, *KEY_TYPES],
            title="Key type",
            description="What the key is, such as Email; the vendor's first identifier if empty.",
        ),
        "fields": Param(
            type="object", minProperties=1, title="Fields", description="What to set, by the vendor's names."
        ),
    },
    tags=["profiles"],
):

    @task
    def change() -> list[dict[str, Any]]:
        """Return the change from the form. This one record does go through XCom."""
        params = get_current_context()["params"]
        kind = {"key_type": params["key_type"]} if params["key_type"] else {}
        return [{"key": params["key"], "fields": params["fields"], **kind}]

    @task.branch
    def choose() -> str:
        """Run the task of the chosen vendor, and skip the others."""
        return f"push_{get_current_context()['params']['vendor']}"

    changes, chosen = change(), choose()
    for vendor, operator in OPERATORS.items():
        push = operator(
            task_id=f"push_{vendor}",
            records=changes,
            **{f"{vendor}_conn_id": f"{{{{ params.connection or '{vendor}_default' }}}}"},
        )
        chosen >> push
# [END push_one_profile]
