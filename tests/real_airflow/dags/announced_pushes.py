"""Pushes with outlets: an asset, an alias, both while red, and a mapped one whose sum is announced."""

from __future__ import annotations

import json
from typing import Any

from airflow.sdk import DAG, Asset, AssetAlias, Variable, task

from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.reports import SumReportsOperator

PROFILES = Asset("announced_profiles", uri="ocamba://example.com/profiles")
RED = Asset("announced_by_a_red_push", uri="ocamba://red.example.com/profiles")
WHOLE = Asset("announced_whole", uri="ocamba://whole.example.com/profiles")

with DAG("announced_pushes", schedule=None):

    @task
    def changes(which: str) -> Any:
        """Read the changes that the test has left."""
        return json.loads(Variable.get("changes"))[which]

    OcambaPushProfilesOperator(
        task_id="push",
        records=changes.override(task_id="changes")("push"),
        ledger_conn_id="profile_ledger",
        outlets=[PROFILES, AssetAlias("announced_if_changed")],
    )
    OcambaPushProfilesOperator(
        task_id="push_red",
        records=changes.override(task_id="changes_red")("red"),
        outlets=[RED, AssetAlias("announced_red")],
    )
    shares = OcambaPushProfilesOperator.partial(task_id="push_share", max_active_tis_per_dagrun=1).expand(
        records=changes.override(task_id="changes_shares")("shares")
    )
    SumReportsOperator(
        task_id="close",
        reports=shares.output,
        max_failed="{{ var.value.allowed }}",
        trigger_rule="all_done",
        outlets=[WHOLE, AssetAlias("announced_whole_if_changed")],
        asset=WHOLE.uri,
    )
    SumReportsOperator(
        task_id="close_strictly", reports=shares.output, trigger_rule="all_done", outlets=[RED]
    )
