"""DAGs, and uses of the hooks, in which no type checker may find anything."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, ObjectStoragePath, task

from airflow_profile_provider.hooks.agilenow import AgileNowHook
from airflow_profile_provider.hooks.communifire import CommunifireHook
from airflow_profile_provider.hooks.lightfield import LightfieldHook
from airflow_profile_provider.hooks.ocamba import OcambaHook
from airflow_profile_provider.hooks.sonoran import SonoranHook
from airflow_profile_provider.operators.agilenow import AgileNowPushProfilesOperator
from airflow_profile_provider.operators.base import PushProfilesOperator
from airflow_profile_provider.operators.communifire import CommunifirePushProfilesOperator
from airflow_profile_provider.operators.events import from_events
from airflow_profile_provider.operators.lightfield import LightfieldPushProfilesOperator
from airflow_profile_provider.operators.ocamba import OcambaPushProfilesOperator
from airflow_profile_provider.operators.sonoran import SonoranPushProfilesOperator

MAPPED: dict[str, Any] = {"key": "id", "fields": ["email", "comment"], "ledger_conn_id": "ledger"}

with DAG("good", schedule=None, default_args={"retries": 2, "key": "id"}):

    @task
    def rows() -> list[dict[str, Any]]:
        """Return rows."""
        return []

    @task
    def of_the_day() -> str:
        """Return a choice that is made when the DAG runs."""
        return "skip"

    given = rows()
    ocamba = OcambaPushProfilesOperator(
        task_id="ocamba",
        records=given,
        key="id",
        fields={"email": "mail"},
        key_type="id",
        nulls="skip",
        partition=(0, 4),
        max_failed="1%",
        max_changes=10,
        concurrency="{{ var.value.concurrency }}",
        ignore_ledger="{{ params.all }}",
        rejects_path=Path("/tmp/rejects.jsonl"),
        delivered_path=ObjectStoragePath("s3://bucket/delivered.txt"),
        doubt_seconds=timedelta(minutes=5),
        ocamba_conn_id="ocamba_default",
        retries=3,
        retry_delay=timedelta(minutes=5),
        trigger_rule="all_done",
        outlets=[],
        doc_md=__doc__,
    )
    SonoranPushProfilesOperator(
        task_id="sonoran",
        records="s3://bucket/{{ ds }}.jsonl",
        key="id",
        fields=["{{ params.field }}"],
        key_type="discord",
        batch_size=20,
        only=ocamba.output,
        approved_plan=ocamba.output,
        nulls=of_the_day(),
    )
    CommunifirePushProfilesOperator(
        task_id="communifire",
        sql="people.sql",
        sql_conn_id="warehouse",
        key="mail",
        fields={"Phone": "phone"},
        key_type="Email",
        mode="upsert",
        identifier_fields=False,
        if_empty="ok",
        if_duplicate="fail",
        on_absent={"Is_Active": False},
    )
    AgileNowPushProfilesOperator(
        task_id="agilenow",
        records=from_events(),
        key_type="Username",
        write="put",
        mode="upsert",
        **MAPPED,
    )
    LightfieldPushProfilesOperator(
        task_id="lightfield",
        records=[{"id": "acc_1", "owner": "mem_1"}],
        key="id",
        fields={"$name": "name"},
        relationships={"$owner": {"replace": "owner"}},
        action="plan",
        plan_path="/tmp/plan.jsonl",
    )
    shares = OcambaPushProfilesOperator.partial(
        task_id="shares", sql="select 1", sql_conn_id="warehouse", key="id", fields=["comment"], retries=1
    ).expand(partition=[(0, 2), (1, 2)])
    given >> ocamba >> shares


class QuietOperator(OcambaPushProfilesOperator):
    """A subclass that passes on whatever it is given."""

    def __init__(self, *, loud: bool = False, **kwargs: Any) -> None:
        super().__init__(nulls="skip", **kwargs)
        self.loud = loud


class OtherOperator(PushProfilesOperator):
    """Another vendor's operator."""

    def __init__(self, *, other_conn_id: str = "other_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.other_conn_id = other_conn_id

    @cached_property
    def hook(self) -> OcambaHook:
        """The vendor's hook."""
        return OcambaHook(self.other_conn_id)


def without_a_dag() -> int:
    """Push by the hooks."""
    report = OcambaHook().push(
        ({"key": str(n), "fields": {"comment": "x"}} for n in range(3)), quota="10/1s", action="baseline"
    )
    AgileNowHook("other").push(
        "people.csv", key="id", fields={"Email": "mail"}, write="put", partition=(0, 2)
    )
    CommunifireHook().push(Path("people.csv"), key="id", fields=["Phone"], key_type="UserID", mode="update")
    LightfieldHook().push([], key="id", fields=[], relationships={"$owner": {"add": "owner"}})
    SonoranHook().update_profile(12, {"1": "x"}, key_type="accId")
    CommunifireHook().update_profile("1", {"Phone": None}, nulls="clear", mode="create")
    explained = AgileNowHook().explain("1", "people.csv", send=True, key="id", fields=["Email"], write="put")
    return report.pushed + len(explained.rows)
