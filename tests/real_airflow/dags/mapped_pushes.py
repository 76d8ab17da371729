"""Each vendor's operator, mapped over two lists of records."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import DAG, Variable, task

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

with DAG("mapped_pushes", schedule=None):

    @task
    def shares(vendor: str) -> list[list[dict[str, Any]]]:
        """Read the changes that the test has left for a vendor, in two lists."""
        changes = json.loads(Variable.get("changes"))[vendor]
        return [changes[:1], changes[1:]]

    for vendor, operator in OPERATORS.items():
        operator.partial(task_id=f"push_{vendor}").expand(
            records=shares.override(task_id=f"shares_{vendor}")(vendor)
        )
